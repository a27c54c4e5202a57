"""The one thread that touches a device: whatever runs on it, or moves its clocks, runs here in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[T]):
    """What a piece of work returned, and how long it waited for its turn."""

    result: T
    queue_s: float


class DeviceBusyError(DeviceError):
    """Too many wait for the device: it is well, and has no room."""


class DeviceWorker:
    """Runs work strictly one after the other, first come first served, off the event loop."""

    def __init__(self, clock: Clock, *, most_waiting: int = 256) -> None:
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting = 0
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")

    @property
    def clock(self) -> Clock:
        """What its waits are measured by."""
        return self._clock

    @property
    def waiting(self) -> int:
        """Pieces of work that wait or run."""
        return self._waiting

    async def run(self, work: Callable[[], T]) -> Turn[T]:
        """Run `work` in its turn; raises DeviceBusyError at once where too many wait already."""
        if self._waiting >= self._most_waiting:
            raise DeviceBusyError(f"{self._waiting} requests wait for the device; at most {self._most_waiting} may")
        return await self.start(work)

    async def run_regardless(self, work: Callable[[], T]) -> Turn[T]:
        """As `run`, however many wait: for what must happen in any case, such as giving clocks back."""
        return await self.start(work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[Turn[T]]:
        """As `run_regardless`, for a caller that does not wait for it."""
        asked_s = self._clock.now_s()

        def timed() -> Turn[T]:
            queue_s = self._clock.now_s() - asked_s
            return Turn(result=work(), queue_s=queue_s)

        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._pool, timed)
        running.add_done_callback(self._left)
        return running

    def _left(self, running: asyncio.Future[Turn[T]]) -> None:
        del running
        self._waiting -= 1

    def close(self) -> None:
        """Let running work end, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
