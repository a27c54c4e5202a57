"""The dashboard's listener: how many connections it has at a time, those included that have shown nothing yet.

A connection takes a descriptor, and with TLS a third of a megabyte, from the moment it is accepted; the HTTP server
counts it only once it has shown a certificate.
"""

from __future__ import annotations

import errno
import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress

_NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What the system says where it has no connection to give."""
_PAUSE_S = 0.5
"""Wall seconds in which asyncio is told of that once. It then waits for a second; but within one turn of its loop it
goes on to ask for as many connections as may stand in line, and writes a traceback for each."""


class Door(socket.socket):
    """A listening socket. `most`: of strangers, who have not shown a certificate where one is asked for, and of guests.

    The strangers who have waited longest make room for the next, so that nobody keeps others out by being slow; what
    comes beyond the most guests is hung up on. `most_of_one`: of guests with one certificate. Used from the event loop
    only.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        most: int,
        most_of_one: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the place of `listener`."""
        super().__init__(listener.family, listener.type, listener.proto, fileno=listener.detach())
        self._now_s = now_s
        self._most = most
        self._most_of_one = most_of_one
        self._strangers: dict[int, socket.socket] = {}
        self._guests: dict[int, bytes | None] = {}
        self._asked_in_vain_s = -math.inf

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection, of which nothing is known; raises OSError where there is none to be had."""
        try:
            connection, place = super().accept()
        except OSError as error:
            if error.errno in _NONE_LEFT:
                now_s = self._now_s()
                if now_s - self._asked_in_vain_s < _PAUSE_S:
                    raise BlockingIOError(errno.EAGAIN, error.strerror) from error
                self._asked_in_vain_s = now_s
            raise
        number = connection.fileno()
        # Its number may be that of one that has hung up.
        self._strangers.pop(number, None)
        self._strangers[number] = connection
        if len(self._strangers) > self._most or len(self._guests) >= self._most:
            _hang_up(self._strangers.pop(next(iter(self._strangers))))
        return connection, place

    def known(self, number: int, certificate: bytes | None) -> bool:
        """The connection of that descriptor has shown what is asked for; whether its holder may have one more."""
        self._strangers.pop(number, None)
        self._guests[number] = certificate
        own = sum(each == certificate for each in self._guests.values())
        return certificate is None or own <= self._most_of_one

    def left(self, number: int) -> None:
        """One that was known has ended."""
        self._guests.pop(number, None)


def _hang_up(connection: socket.socket) -> None:
    """Whoever serves it sees its end, and closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
