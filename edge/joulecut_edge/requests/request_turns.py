"""Requests' turns on the edge's device: fair between applications, and given up once work that runs there hangs.

    well ── one piece of work does not end ──▶ hung: who waits for the device is told, and who comes
      ▲                                         │
      └──────────── it ends after all ──────────┘

A request that waits for a server meanwhile still gets its answer. A start of the agent is what mends most devices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn
from joulecut_runtime.execution.fair_turns import FairTurns
from joulecut_runtime.execution.hung_work import HungWork

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

MOST_WAITING = 256
EVERY_S = 5.0
"""Wall seconds between two looks."""


class RequestTurns:
    """What requests have the device do. Used from the event loop only."""

    def __init__(self, worker: DeviceWorker, *, most_waiting: int = MOST_WAITING) -> None:
        self._worker = worker
        self._fair = FairTurns(worker, waiting=most_waiting)
        self._waits: set[asyncio.Future[Any]] = set()
        self._given_up: set[asyncio.Future[Any]] = set()
        self.complaint: str | None = None
        """What hangs; None while nothing does."""

    @property
    def waiting(self) -> int:
        """First parts and rests that wait for the device or run on it."""
        return len(self._waits)

    async def run(self, work: Callable[[], T], *, who: str) -> Turn[T]:
        """A request's first part, when it is the turn of the application `who`.

        Raises DeviceBusyError where too many wait and none has more waiting than `who`, DeviceError where work hangs.
        """
        self._check()
        turn = self._fair.enter(who, work)
        try:
            return await self._end_of(turn.settled)
        except BaseException:
            turn.withdraw()
            raise

    async def run_rest(self, work: Callable[[], T]) -> Turn[T]:
        """A request's rest, before all first parts: its deadline is the nearer one. Raises DeviceError as `run`."""
        self._check()
        return await self._end_of(self._worker.run(work, ahead=True))

    async def keep(self, longest_s: float, *, every_s: float = EVERY_S) -> None:
        """Look from time to time whether work has run for `longest_s` of the worker's clock, until cancelled."""
        hung = HungWork(self._worker, longest_s=longest_s)
        while True:
            await asyncio.sleep(every_s)
            complaint, before = hung.look(), self.complaint
            self.complaint = complaint
            if complaint is not None and before is None:
                _LOG.error("the device hangs, requests are refused until it is back: %s", complaint)
                self._give_up()
            if complaint is None and before is not None:
                _LOG.warning("the device is back")

    def _check(self) -> None:
        if self.complaint is not None:
            raise DeviceError(f"the device hangs: {self.complaint}")

    async def _end_of(self, turn: asyncio.Future[Turn[T]]) -> Turn[T]:
        self._waits.add(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn in self._given_up:
                self._check()
            raise
        finally:
            self._waits.discard(turn)
            self._given_up.discard(turn)

    def _give_up(self) -> None:
        """What runs cannot be stopped; what waits is dropped."""
        self._given_up |= self._waits
        for turn in self._waits:
            turn.cancel()
