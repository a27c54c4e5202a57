"""Turns on the device, fair between sessions: each gets the same share of its seconds, however much it asks for.

    session a  ▢ ▢ ▢ ▢ ▢ ─┐
    session b  ▢          ─┼─▶ the one that has had the least ─▶ device
    session c  ▢ ▢        ─┘

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) by measured seconds: a session's next request starts at
the virtual time at which its last one ended, or now if it had nothing waiting. So a request of a session that asks
for less than its share waits for the one that is running and for one of each other session, at most.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn

T = TypeVar("T")

_MOST_FLOWS = 1024
"""Sessions with nothing waiting are forgotten beyond this: all but the half of so many that have had the most."""


class FairTurn(Generic[T]):
    """One piece of work on its way to the device. Made by `FairTurns.enter`."""

    def __init__(self, turns: FairTurns, flow: _Flow, work: Callable[[], T], *, entered_s: float, until_s: float):
        self.flow = flow
        self.work = work
        self.entered_s = entered_s
        self.until_s = until_s
        self.settled: asyncio.Future[Turn[T]] = asyncio.get_running_loop().create_future()
        self._turns = turns

    async def result(self) -> Turn[T]:
        """What the work returned or raised. Raises TurnedAwayError where it had to leave, or began too late."""
        return await self.settled

    def withdraw(self) -> bool:
        """Leave the line; whether that was in time. Work that runs is not stopped."""
        return self._turns.withdraw(self)


@dataclass(slots=True, eq=False)
class _Flow:
    name: str
    finish_s: float = 0.0
    waiting: deque[FairTurn[Any]] = field(default_factory=deque)


class FairTurns:
    """Lets `waiting` pieces of work wait for a device. Entered and left on the event loop."""

    def __init__(self, worker: DeviceWorker, *, waiting: int) -> None:
        self._worker = worker
        self.most = waiting
        """How many may wait; those beyond a lower number stay in the line."""
        self._lock = threading.Lock()
        self._flows: dict[str, _Flow] = {}
        self._count = 0
        self._virtual_s = 0.0
        self._mean_s = 0.0
        self._running: _Flow | None = None

    def __len__(self) -> int:
        return self._count

    def enter(self, flow: str, work: Callable[[], T], *, budget_s: float | None = None) -> FairTurn[T]:
        """Wait in the line of `flow`; work that cannot begin within `budget_s` is not begun.

        Raises TurnedAwayError where there is no place: the flow with the most that wait gives up its newest.
        """
        now_s = self._worker.clock.now_s()
        until_s = float("inf") if budget_s is None else now_s + budget_s
        with self._lock:
            leaving = self._make_place(flow)
            mine = self._flows.setdefault(flow, _Flow(flow))
            turn = FairTurn(self, mine, work, entered_s=now_s, until_s=until_s)
            mine.waiting.append(turn)
            self._count += 1
        if leaving is not None:
            leaving.settled.set_exception(self._overload())
            leaving.settled.exception()
        self._worker.start(self._run_next).add_done_callback(_settle)
        return turn

    def withdraw(self, turn: FairTurn[Any]) -> bool:
        """Take a turn out of its line; whether it was still there."""
        with self._lock:
            try:
                turn.flow.waiting.remove(turn)
            except ValueError:
                return False
            self._count -= 1
        turn.settled.cancel()
        return True

    def _make_place(self, flow: str) -> FairTurn[Any] | None:
        """Who has to leave for one more of `flow`. Raises TurnedAwayError where that would be itself."""
        if flow not in self._flows and len(self._flows) >= _MOST_FLOWS:
            self._forget()
        if self._count < self.most:
            return None
        longest = max(self._flows.values(), key=lambda each: len(each.waiting))
        mine = self._flows.get(flow)
        if len(longest.waiting) <= 1 + (0 if mine is None else len(mine.waiting)):
            raise self._overload()
        self._count -= 1
        return longest.waiting.pop()

    def _forget(self) -> None:
        """Keep those who wait or run, and the debts that matter most."""
        by_debt = sorted(self._flows.values(), key=lambda each: each.finish_s)
        owing = {id(each) for each in by_debt[-_MOST_FLOWS // 2 :] if each.finish_s > self._virtual_s}
        self._flows = {
            name: each
            for name, each in self._flows.items()
            if each.waiting or each is self._running or id(each) in owing
        }

    def _overload(self) -> TurnedAwayError:
        return TurnedAwayError(
            f"{self._count} requests wait for the device; at most {self.most} may",
            ReplyStatus.OVERLOADED,
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
            late = TurnedAwayError(
                f"it waited {began_s - turn.entered_s:.3g} s for the device, longer than its budget of "
                f"{turn.until_s - turn.entered_s:.3g} s",
                ReplyStatus.LATE,
            )
            return lambda: _fail(turn, late)
        try:
            result = turn.work()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits, whatever it is
            failure = error
            return lambda: _fail(turn, failure)
        finally:
            self._charge(turn.flow, clock.now_s() - began_s)
        done = Turn(result=result, queue_s=began_s - turn.entered_s)
        return lambda: _succeed(turn, done)

    def _next(self) -> FairTurn[Any] | None:
        with self._lock:
            flow = min(
                (each for each in self._flows.values() if each.waiting),
                key=lambda each: (max(each.finish_s, self._virtual_s), each.waiting[0].entered_s),
                default=None,
            )
            if flow is None:
                return None
            self._virtual_s = max(flow.finish_s, self._virtual_s)
            self._running = flow
            self._count -= 1
            return flow.waiting.popleft()

    def _charge(self, flow: _Flow, seconds: float) -> None:
        with self._lock:
            flow.finish_s = max(flow.finish_s, self._virtual_s) + seconds
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
