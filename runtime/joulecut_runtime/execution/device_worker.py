"""The one thread that touches a device: whatever runs on it, or moves its clocks, runs here in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
    """Runs work strictly one after the other, off the event loop: first come, first served, in either of two lines.

    What is to run `ahead` goes before all that is not, once the work that runs has ended.
    """

    def __init__(self, clock: Clock, *, most_waiting: int = 256) -> None:
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting = 0
        self._ahead: deque[tuple[Callable[[], None], Future[Any]]] = deque()
        self._behind: deque[tuple[Callable[[], None], Future[Any]]] = deque()
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

    async def run_regardless(self, work: Callable[[], T], *, ahead: bool = False) -> Turn[T]:
        """As `run`, however many wait: for what must happen in any case, such as giving clocks back."""
        return await self.start(work, ahead=ahead)

    def start(self, work: Callable[[], T], *, ahead: bool = False) -> asyncio.Future[Turn[T]]:
        """As `run_regardless`, for a caller that does not wait for it."""
        asked_s = self._clock.now_s()
        turn: Future[Turn[T]] = Future()

        def take() -> None:
            if not turn.set_running_or_notify_cancel():
                return
            queue_s = self._clock.now_s() - asked_s
            try:
                turn.set_result(Turn(result=work(), queue_s=queue_s))
            except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
                turn.set_exception(error)

        self._waiting += 1
        (self._ahead if ahead else self._behind).append((take, turn))
        self._pool.submit(self._take_next)
        running = asyncio.wrap_future(turn)
        running.add_done_callback(self._left)
        return running

    def _take_next(self) -> None:
        take, _ = (self._ahead or self._behind).popleft()
        take()

    def _left(self, running: asyncio.Future[Turn[T]]) -> None:
        del running
        self._waiting -= 1

    def close(self) -> None:
        """Let running work end, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _, turn in (*self._ahead, *self._behind):
            turn.cancel()
