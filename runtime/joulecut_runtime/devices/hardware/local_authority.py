"""Clocks set by this very process, where it has the privilege."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import Holder, LeaseBook
from joulecut_runtime.devices.hardware.authority import ClockGrant
from joulecut_runtime.devices.hardware.patience import BlockedError, Patience

_LOG = logging.getLogger(__name__)

_ANSWER_S = 10.0
"""On the wall, as long as a clock daemon is given for an answer."""


class LocalAuthority:
    """A ClockAuthority over a lease book in this process.

    Its leases have no time to live: they end with the process. A kill leaves the clocks as they are until a clock
    daemon, the next LocalAuthority or `joulecut-clockd --restore` finds the journal. A driver that hangs costs each
    caller `answer_s` wall seconds at most, and a BlockedError: what it owes by then is in the journal too.
    """

    def __init__(self, book: LeaseBook, *, answer_s: float = _ANSWER_S) -> None:
        """Puts back what killed processes left."""
        self._book = book
        self._patience = Patience(answer_s, doing="setting the clocks of")
        self._closed = False
        with book.turn:
            left = _not_free(book)
            book.tend()
            self._put_back = left - _not_free(book)

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """The board's clocks at `point`, as ClockAuthority says."""
        owner, settled = _holder(holder), threading.Lock()  # taken once: by the grant, or by whoever gives it up

        def acquire() -> None:
            self._book.tend()
            self._put_back.discard(board)
            self._book.board(board).acquire((point.core_mhz, point.memory_mhz), owner)
            if not settled.acquire(blocking=False):
                self._book.board(board).release(owner)

        try:
            self.do(board, acquire)
        except BlockedError:
            if settled.acquire(blocking=False):
                raise
        except BaseException:
            settled.acquire(blocking=False)
            raise
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
            self._patience.run("every board", self._book.close)
        except DeviceError as error:
            _LOG.error("%s", error)
            if isinstance(error, BlockedError):
                return
        self._closed = True
        self._patience.close()

    def do(self, board: str, function: Callable[[], None]) -> None:
        """Something with the book, when it is our turn; raises DeviceError where that blocks or nothing can be kept."""

        def turn() -> None:
            with self._book.turn:
                function()

        try:
            if self._closed:  # and so is the book, which lends nothing any more
                turn()
            else:
                self._patience.run(board, turn)
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
        self._authority.do(self._board, lambda: self._book.board(self._board).release(self._holder))


def _not_free(book: LeaseBook) -> set[str]:
    return {key for key, custody in book.boards().items() if custody.state()["state"] != "free"}


def _holder(name: str) -> Holder:
    return {"holder": name, "uid": os.getuid(), "pid": os.getpid()}
