"""Work that takes long, off the event loop: a few threads, fair between callers, bounded in number and time.

A thread cannot be stopped. Work whose caller has left is dropped while it waits; once it runs it
keeps its thread, and counts against those who come after, until it ends. Processes could be stopped,
but would be handed each problem a second time, and written out again since nothing here is pickled.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from joulecut_core.fair_lines import FairLine, FairLines
from joulecut_core.time_limits import within
from joulecut_core.timing import SystemClock
from joulecut_proto.planning_refusals import PlannerBusyError, SolveTimeError
from joulecut_proto.services import TimeLeft

R = TypeVar("R")

_REPLY_SHARE = 0.05
_MOST_REPLY_S = 0.5
"""What is kept of a caller's time so that a refusal still reaches it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job(Generic[R]):
    line: FairLine[_Job[Any]]
    future: Future[R]
    work: Callable[[], R]

    def carry_out(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits, whatever it is
            self.future.set_exception(error)
            # An error keeps its frames: with what keeps it in one, a problem would wait for the garbage collector.
            del self
        else:
            self.future.set_result(result)


class Turns:
    """Runs pieces of work in `threads` threads; `waiting` more may wait, each at most `limit_s` from its arrival.

    Of callers that wait the one that has had the least of the threads' time is next; each is served in its own order.
    """

    def __init__(self, *, name: str, threads: int, waiting: int, limit_s: float) -> None:
        self._name = name
        self._threads = threads
        self._most = threads + waiting
        self._limit_s = limit_s
        # Deadlines of calls are on the wall, whatever an emulated device's clock does.
        self._clock = SystemClock()
        self._changed = threading.Condition()
        self._lines: FairLines[_Job[Any]] = FairLines()
        self._under_way = 0
        self._last_s = 0.0
        self._started = 0
        self._closed = False

    @property
    def under_way(self) -> int:
        """Pieces of work that run or wait."""
        with self._changed:
            return self._under_way

    async def run(
        self, work: Callable[[TimeLeft], R], *, caller_s: float | None = None, who: Hashable | None = None
    ) -> R:
        """What `work` gives or raises; it is told how many seconds are left.

        `caller_s`: the caller's own deadline; `who` it is, None for all that cannot be told apart. Raises
        PlannerBusyError where no more may wait, somebody with less under way needs the place, or the host has no thread
        left; SolveTimeError where the time is up first.
        """
        budget_s = self._limit_s if caller_s is None else min(self._limit_s, _without_reply(caller_s))
        end_s = self._clock.now_s() + budget_s
        job = self._enter(who, lambda: work(lambda: end_s - self._clock.now_s()))
        try:
            return await within(asyncio.wrap_future(job.future), budget_s)
        except asyncio.TimeoutError as error:
            raise SolveTimeError(self._too_late(budget_s)) from error
        finally:
            del job  # an error keeps its frames, and must not be kept by them

    def close(self) -> None:
        """End the threads once what was asked is done or dropped; nothing waits for them, nor does the process."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enter(self, who: Hashable | None, work: Callable[[], R]) -> _Job[R]:
        self._start()
        with self._changed:
            line = self._lines.of(who)
            if self._under_way >= self._most:
                self._make_place(line)
            job = _Job(line=line, future=Future[R](), work=work)
            self._under_way += 1
            self._lines.enter(line, job)
            self._changed.notify()
        # Futures keep their callbacks: one that kept its job would leave both, and a plan, to the garbage collector.
        entered = [job]
        job.future.add_done_callback(lambda _: self._leave(entered.pop()))
        return job

    def _start(self) -> None:
        """Start the threads that are missing. Raises PlannerBusyError where the host has none left, not even one."""
        while self._started < self._threads:
            # A daemon: a process that was told to stop does not wait for an answer that nobody gets.
            thread = threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                if self._started:
                    return
                raise PlannerBusyError(f"no thread to plan in: {error}; try again, or plan with the library") from error
            self._started += 1

    def _make_place(self, line: FairLine[_Job[Any]]) -> None:
        """Turn away the newest of whoever has most under way, or raise where that would be `line` itself."""
        again_s = math.ceil(min(max(self._last_s * self._under_way / self._threads, 1.0), self._limit_s))
        refusal = PlannerBusyError(
            f"{self._under_way} requests are solved or wait, the most that this server takes; "
            f"try again in about {again_s} s, or plan with the library"
        )
        longest = self._lines.crowded(line)
        if longest is None:
            raise refusal
        longest.waiting[-1].future.set_exception(refusal)

    def _leave(self, job: _Job[Any]) -> None:
        with self._changed:
            self._under_way -= 1
            self._lines.leave(job.line, job)

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            started_s = self._clock.now_s()
            job.carry_out()
            self._last_s = self._clock.now_s() - started_s
            with self._changed:
                self._lines.charge(job.line, self._last_s)
            del job

    def _next(self) -> _Job[Any] | None:
        with self._changed:
            while (job := self._lines.next()) is None and not self._closed:
                self._changed.wait()
            return job

    def _too_late(self, budget_s: float) -> str:
        if budget_s < self._limit_s:
            return (
                f"no answer within the {budget_s:.3g} s that the caller left; "
                "allow more time, ask for less, or plan with the library"
            )
        return f"no answer within {budget_s:g} s, the limit of this server; ask for less, or plan with the library"


def _without_reply(caller_s: float) -> float:
    return caller_s - min(_REPLY_SHARE * caller_s, _MOST_REPLY_S)
