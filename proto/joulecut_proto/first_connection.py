"""A connection to a host of several addresses: a dead one costs a moment, and not what a silent host is waited for.

Each address is begun when the one before it has failed, or has said nothing for a quarter of a second, and the first
that answers wins: "happy eyeballs", RFC 8305.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from joulecut_core.timing import Clock, SystemClock

Way = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""One answer of `socket.getaddrinfo`."""

_NEXT_S = 0.25


def first_connected(ways: Sequence[Way], timeout_s: float) -> socket.socket:
    """A blocking socket, connected by the first of `ways` that answers; its owner closes it.

    `timeout_s`: wall seconds for each way, and of the socket from then on. Blocks. Raises the OSError of the way that
    failed last, a TimeoutError where that was for silence.
    """
    with selectors.DefaultSelector() as selector:
        race = _Race(ways, timeout_s, selector, SystemClock())
        try:
            winner = race.run()
        finally:
            race.close()
    winner.settimeout(timeout_s)
    return winner


class _Race:
    """Sockets that connect at the same time, each with the moment at which it is given up."""

    def __init__(self, ways: Sequence[Way], timeout_s: float, selector: selectors.BaseSelector, clock: Clock) -> None:
        self._left = list(ways)
        self._timeout_s = timeout_s
        self._selector = selector
        self._clock = clock
        self._until_s: dict[socket.socket, float] = {}
        self._failure = OSError("it has no address")

    def run(self) -> socket.socket:
        while self._left or self._until_s:
            next_s = self._begin() + _NEXT_S if self._left else None
            winner = self._await(next_s)
            if winner is not None:
                return winner
        raise self._failure

    def close(self) -> None:
        for each in tuple(self._until_s):
            self._drop(each)

    def _begin(self) -> float:
        """Begin the next way; the time."""
        family, kind, protocol, _, where = self._left.pop(0)
        now_s = self._clock.now_s()
        try:
            begun = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this host does not have
            self._failure = error
            return now_s
        self._until_s[begun] = now_s + self._timeout_s
        begun.settimeout(0.0)
        self._selector.register(begun, selectors.EVENT_WRITE)
        try:
            with suppress(BlockingIOError):
                begun.connect(where)
        except OSError as error:
            self._failure = error
            self._drop(begun)
        return now_s

    def _await(self, next_s: float | None) -> socket.socket | None:
        """Whoever has connected; None when it is the next one's turn, or nobody is left to wait for."""
        while self._until_s:
            now_s = self._clock.now_s()
            for late in [each for each, until_s in self._until_s.items() if until_s <= now_s]:
                self._failure = TimeoutError("no answer")
                self._drop(late)
            if next_s is not None and now_s >= next_s:
                return None
            moments_s = [*self._until_s.values(), *(() if next_s is None else (next_s,))]
            for key, _ in self._selector.select(max(0.0, min(moments_s, default=now_s) - now_s)):
                found = next(each for each in self._until_s if each is key.fileobj)
                number = found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number == 0:
                    del self._until_s[found]
                    return found
                self._failure = OSError(number, os.strerror(number))
                self._drop(found)
        return None

    def _drop(self, begun: socket.socket) -> None:
        del self._until_s[begun]
        self._selector.unregister(begun)
        begun.close()
