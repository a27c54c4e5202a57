"""Turns on a device, fair between those who ask: each gets the same share of its seconds, however much it asks for.

Who asks for less than its share waits for what is running and for one turn of each other, at most.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from joulecut_core.errors import DeviceError
from joulecut_core.fair_lines import FairLine, FairLines
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn

T = TypeVar("T")
_Line: TypeAlias = "FairLine[FairTurn[Any]]"


class DeviceBusyError(DeviceError):
    """Too many wait for the device, which is well; there may be a place after `wait_s` seconds of its clock."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class TurnTooLateError(DeviceError):
    """Work whose budget was used up before its turn came; it was not begun."""


class FairTurn(Generic[T]):
    """One piece of work on its way to the device. Made by `FairTurns.enter`."""

    def __init__(self, turns: FairTurns, line: _Line, work: Callable[[], T], *, entered_s: float, until_s: float):
        self.line = line
        self.work = work
        self.entered_s = entered_s
        self.until_s = until_s
        self.settled: asyncio.Future[Turn[T]] = asyncio.get_running_loop().create_future()
        self._turns = turns

    async def result(self) -> Turn[T]:
        """What the work returned or raised.

        Raises DeviceBusyError where it had to leave for another, TurnTooLateError where its turn came too late.
        """
        return await self.settled

    def withdraw(self) -> bool:
        """Leave the line; whether that was in time. Work that runs is not stopped."""
        return self._turns.withdraw(self)


class FairTurns:
    """Lets `waiting` pieces of work wait for a device. Entered and left on the event loop."""

    def __init__(self, worker: DeviceWorker, *, waiting: int) -> None:
        self._worker = worker
        self.most = waiting
        """How many may wait; those beyond a lower number stay in the line."""
        self._lock = threading.Lock()
        self._lines: FairLines[FairTurn[Any]] = FairLines()
        self._count = 0
        self._mean_s = 0.0

    def __len__(self) -> int:
        return self._count

    def enter(self, who: str, work: Callable[[], T], *, budget_s: float | None = None) -> FairTurn[T]:
        """Wait in the line of `who`; work that cannot begin within `budget_s` is not begun.

        Raises DeviceBusyError where there is no place: whoever has most waiting gives up its newest. Raises DeviceError
        as `DeviceWorker.run`.
        """
        now_s = self._worker.clock.now_s()
        until_s = float("inf") if budget_s is None else now_s + budget_s
        with self._lock:
            line = self._lines.of(who)
            leaving = self._make_place(line)
            turn = FairTurn(self, line, work, entered_s=now_s, until_s=until_s)
            self._lines.enter(line, turn)
            self._count += 1
        if leaving is not None:
            _fail(leaving, self._overload())
        try:
            running = self._worker.run(self._run_next)
        except DeviceError:
            self.withdraw(turn)
            raise
        running.add_done_callback(_settle)
        return turn

    def withdraw(self, turn: FairTurn[Any]) -> bool:
        """Take a turn out of its line; whether it was still there."""
        with self._lock:
            if turn not in turn.line.waiting:
                return False
            self._leave_early(turn)
        turn.settled.cancel()
        return True

    def _make_place(self, line: _Line) -> FairTurn[Any] | None:
        """Who has to leave for one more of `line`. Raises DeviceBusyError where that would be itself."""
        if self._count < self.most:
            return None
        longest = self._lines.crowded(line)
        if longest is None:
            raise self._overload()
        leaving = longest.waiting[-1]
        self._leave_early(leaving)
        return leaving

    def _leave_early(self, turn: FairTurn[Any]) -> None:
        self._lines.leave(turn.line, turn)
        self._count -= 1

    def _overload(self) -> DeviceBusyError:
        return DeviceBusyError(
            f"{self._count} requests wait for the device; at most {self.most} may",
            self._count * self._mean_s,
        )

    def _run_next(self) -> Callable[[], None]:
        """Run the work whose turn it is. Device thread; what it returns settles it on the event loop."""
        turn = self._next()
        if turn is None:
            return _nothing
        clock = self._worker.clock
        began_s = clock.now_s()
        if began_s > turn.until_s:
            with self._lock:
                self._lines.leave(turn.line, turn)
            late = TurnTooLateError(
                f"it waited {began_s - turn.entered_s:.3g} s for the device, longer than its budget of "
                f"{turn.until_s - turn.entered_s:.3g} s"
            )
            return lambda: _fail(turn, late)
        try:
            result = turn.work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits, whatever it is
            failure = error
            return lambda: _fail(turn, failure)
        finally:
            self._charge(turn, clock.now_s() - began_s)
        done = Turn(result=result, queue_s=began_s - turn.entered_s)
        return lambda: _succeed(turn, done)

    def _next(self) -> FairTurn[Any] | None:
        with self._lock:
            turn = self._lines.next()
            self._count -= turn is not None
            return turn

    def _charge(self, turn: FairTurn[Any], seconds: float) -> None:
        with self._lock:
            self._lines.leave(turn.line, turn)
            self._lines.charge(turn.line, seconds)
            self._mean_s += (seconds - self._mean_s) / 8


def _settle(running: asyncio.Future[Turn[Callable[[], None]]]) -> None:
    if not running.cancelled() and running.exception() is None:
        running.result().result()


def _succeed(turn: FairTurn[T], done: Turn[T]) -> None:
    if not turn.settled.done():
        turn.settled.set_result(done)


def _fail(turn: FairTurn[Any], error: Exception) -> None:
    if not turn.settled.done():
        turn.settled.set_exception(error)
        # Where nobody waits any more, nobody is to be told of it either.
        turn.settled.exception()


def _nothing() -> None:
    pass
