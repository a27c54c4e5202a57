"""Clocks set by this very process, where it has the privilege."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import Holder, LeaseBook
from joulecut_runtime.devices.hardware.authority import ClockGrant
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, BlockedError, Patience

_LOG = logging.getLogger(__name__)

RELEASE_S = 10.0
"""On the wall, for clocks that go back: an agent that leaves says after seven seconds that they have not."""


class LocalAuthority:
    """A ClockAuthority over a lease book in this process.

    Its leases have no time to live: they end with the process. A kill leaves the clocks as they are until a clock
    daemon, the next LocalAuthority or `joulecut-clockd --restore` finds the journal. A driver that hangs costs each
    caller `answer_s` wall seconds at most, `release_s` where clocks go back, and a BlockedError: what it owes by then
    is in the journal too.
    """

    def __init__(self, book: LeaseBook, *, answer_s: float = TIMEOUT_S, release_s: float = RELEASE_S) -> None:
        """Puts back what killed processes left."""
        self._book = book
        self._release_s = release_s
        self._patience = Patience(answer_s, doing="setting the clocks of")
        self._closed = False
        with book.turn:
            left = _not_free(book)
            book.tend()
            self._put_back = left - _not_free(book)

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """The board's clocks at `point`, as ClockAuthority says."""
        owner = _holder(holder)

        def acquire() -> None:
            self._book.tend()
            self._put_back.discard(board)
            self._book.board(board).acquire((point.core_mhz, point.memory_mhz), owner)

        self.do(board, acquire, undo=lambda: self._book.board(board).release(owner))
        return _LocalGrant(self, self._book, board, owner)

    def reset(self, board: str) -> None:
        """Put a board that nobody holds back to what was before a lease, else to its driver's defaults."""
        if board in self._put_back:
            self._put_back.remove(board)  # what was before a lease is there since the start: no defaults over it
        else:
            self.do(board, lambda: self._book.board(board).reset(_holder("reset")))

    def close(self) -> None:
        """Release every grant. Safe to call twice."""
        if self._closed:
            return
        try:
            self._patience.run("every board", self._book.close, timeout_s=self._release_s)
        except DeviceError as error:
            _LOG.error("%s", error)
            if isinstance(error, BlockedError):
                return
        self._closed = True
        self._patience.close()

    def do(
        self, board: str, function: Callable[[], None], *, undo: Callable[[], None] | None = None, ends: bool = False
    ) -> None:
        """Something with the book, when it is our turn; raises DeviceError where that blocks or nothing can be kept.

        `undo`: what makes it undone where it succeeds too late; `ends`: whether clocks go back with it.
        """

        def turn(todo: Callable[[], None]) -> None:
            with self._book.turn:
                todo()

        try:
            if self._closed:  # and so is the book, which lends nothing any more
                turn(function)
            else:
                self._patience.run(
                    board,
                    lambda: turn(function),
                    timeout_s=self._release_s if ends else None,
                    late=None if undo is None else lambda _: turn(undo),
                )
        except OSError as error:
            raise DeviceError(
                f"{board}: what it holds now cannot be kept for later: {error}; nothing was changed, make room for it"
            ) from error


class _LocalGrant:
    def __init__(self, authority: LocalAuthority, book: LeaseBook, board: str, holder: Holder) -> None:
        self._authority, self._book, self._board, self._holder = authority, book, board, holder

    def move(self, point: OperatingPoint) -> None:
        clocks = (point.core_mhz, point.memory_mhz)
        self._authority.do(self._board, lambda: self._book.board(self._board).move(clocks, self._holder))

    def release(self) -> None:
        self._authority.do(self._board, lambda: self._book.board(self._board).release(self._holder), ends=True)


def _not_free(book: LeaseBook) -> set[str]:
    return {key for key, custody in book.boards().items() if custody.state()["state"] != "free"}


def _holder(name: str) -> Holder:
    return {"holder": name, "uid": os.getuid(), "pid": os.getpid()}
