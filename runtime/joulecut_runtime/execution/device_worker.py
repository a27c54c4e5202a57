"""The one thread that touches a device: whatever runs on it, or moves its clocks, runs here in turn."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

T = TypeVar("T")

_WORK, _END = True, False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[T]):
    """What a piece of work returned, and how long it waited for its turn."""

    result: T
    queue_s: float


class DeviceWorker:
    """Runs work strictly one after the other, off the event loop: first come, first served, in either of two lines.

    What is to run `ahead` goes before all that is not, once the work that runs has ended. Its thread keeps no process
    from ending: work on a device that hangs may never return.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting = 0
        self._ahead: deque[tuple[Callable[[], None], Future[Any]]] = deque()
        self._behind: deque[tuple[Callable[[], None], Future[Any]]] = deque()
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._since_s: float | None = None

    @property
    def clock(self) -> Clock:
        """What its waits are measured by."""
        return self._clock

    @property
    def waiting(self) -> int:
        """Pieces of work that wait or run."""
        return self._waiting

    @property
    def running_s(self) -> float:
        """For how long the work that runs has; 0 where none does, or it may take as long as it likes."""
        since_s = self._since_s
        return 0.0 if since_s is None else self._clock.now_s() - since_s

    def run(self, work: Callable[[], T], *, ahead: bool = False, is_long: bool = False) -> asyncio.Future[Turn[T]]:
        """Run `work` in its turn, whoever waits for it. Once closed, work is dropped as it comes.

        `is_long`: nobody knows how long it takes, as with a compiler. Raises DeviceError where the host has no thread
        left to run it in; who asks later may find one.
        """
        if not self._is_closed:
            self._start()
        asked_s = self._clock.now_s()
        turn: Future[Turn[T]] = Future()

        def take() -> None:
            if not turn.set_running_or_notify_cancel():
                return
            began_s = self._clock.now_s()
            self._since_s = None if is_long else began_s
            try:
                done = Turn(result=work(), queue_s=began_s - asked_s)
            except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
                self._since_s = None
                turn.set_exception(error)
            else:
                self._since_s = None
                turn.set_result(done)

        self._waiting += 1
        if self._is_closed:
            turn.cancel()
        else:
            (self._ahead if ahead else self._behind).append((take, turn))
            self._wanted.put(_WORK)
        running = asyncio.wrap_future(turn)
        running.add_done_callback(self._left)
        return running

    def finish(self, work: Callable[[], object]) -> None:
        """Run `work` after what runs now, and nothing after it: what waits is dropped, and what comes."""
        self._drop()
        self.run(work)
        self._is_closed = True

    def close(self, within_s: float | None = None) -> bool:
        """Let running work end, drop what waits; whether it has ended after so many wall seconds, None: however many.

        Work given to `finish` counts as running.
        """
        if not self._is_closed:
            self._is_closed = True
            self._drop()
        self._wanted.put(_END)
        if self._thread is None:
            return True
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._work, name="device", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise DeviceError(
                f"no thread for the device's work: {error}; let this user have more, or try again"
            ) from error
        self._thread = thread

    def _work(self) -> None:
        while self._wanted.get():
            try:
                take, _ = (self._ahead or self._behind).popleft()
            except IndexError:
                continue  # dropped meanwhile
            take()

    def _drop(self) -> None:
        for line in (self._ahead, self._behind):
            with suppress(IndexError):
                while True:
                    line.popleft()[1].cancel()

    def _left(self, running: asyncio.Future[Turn[T]]) -> None:
        del running
        self._waiting -= 1
