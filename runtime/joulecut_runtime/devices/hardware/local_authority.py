"""Clocks set by this very process, where it has the privilege."""

from __future__ import annotations

import logging
import os

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.book import Holder, LeaseBook
from joulecut_runtime.devices.hardware.authority import ClockGrant

_LOG = logging.getLogger(__name__)


class LocalAuthority:
    """A ClockAuthority over a lease book in this process.

    Its leases have no time to live: they end with the process. A kill leaves the clocks as they are until the next
    LocalAuthority finds the journal, or, for a board that it lends, a clock daemon or `joulecut-clockd --restore`.
    """

    def __init__(self, book: LeaseBook) -> None:
        """Puts back what killed processes left."""
        self._book = book
        with book.turn:
            left = _not_free(book)
            book.tend()
            self._put_back = left - _not_free(book)

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> ClockGrant:
        """The board's clocks at `point`, as ClockAuthority says."""
        grant = _LocalGrant(self._book, board, _holder(holder))
        try:
            with self._book.turn:
                self._book.tend()
                self._put_back.discard(board)
                self._book.board(board).acquire((point.core_mhz, point.memory_mhz), grant.holder)
        except OSError as error:
            raise DeviceError(
                f"{board}: what it holds now cannot be kept for later: {error}; nothing was changed, make room for it"
            ) from error
        return grant

    def reset(self, board: str) -> None:
        """Put a board that nobody holds back to what was before a lease, else to its driver's defaults."""
        with self._book.turn:
            if board in self._put_back:
                self._put_back.remove(board)  # what was before a lease is there since the start: no defaults over it
            else:
                self._book.board(board).reset(_holder("reset"))

    def close(self) -> None:
        """Release every grant. Safe to call twice."""
        try:
            self._book.close()
        except DeviceError as error:
            _LOG.error("%s", error)


class _LocalGrant:
    def __init__(self, book: LeaseBook, board: str, holder: Holder) -> None:
        self._book, self._board = book, board
        self.holder = holder

    def move(self, point: OperatingPoint) -> None:
        with self._book.turn:
            self._book.board(self._board).move((point.core_mhz, point.memory_mhz), self.holder)

    def release(self) -> None:
        with self._book.turn:
            self._book.board(self._board).release(self.holder)


def _not_free(book: LeaseBook) -> set[str]:
    return {key for key, custody in book.boards().items() if custody.state()["state"] != "free"}


def _holder(name: str) -> Holder:
    return {"holder": name, "uid": os.getuid(), "pid": os.getpid()}
