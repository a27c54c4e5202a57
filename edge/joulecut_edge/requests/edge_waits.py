"""Who pays for the time in which the edge waits: each moment is one request's, however many are under way.

    request 1   |== works ==|..................... answer       pays for all until here in which the device did not work
    request 2       |.......|== works ==|.............. answer  pays from there on
    request 3                    |......|== works ==|.. answer  owes nothing for the time that 2 has paid for

A request pays for what nobody has paid for yet, and for no more than the edge waited since it came: the shares of
requests that overlap add up to what the edge draws while it waits.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from joulecut_core.timing import Clock
from joulecut_runtime.execution.part_runner import HeadRun, Stage

T = TypeVar("T")


def head_s(run: HeadRun) -> float:
    """What the device says that a head and its encoding took."""
    return run.head.time_s + run.encode.time_s


def rest_s(run: tuple[tuple[Tensor, ...], Stage]) -> float:
    """What it says that a rest took, or the whole network."""
    return run[1].time_s


class EdgeWaits:
    """Sums of time in which the device did not work. Requests' threads tell of work, the event loop asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._worked_s = 0.0
        self._at_work_since_s: float | None = None
        self._paid_s = -math.inf

    def work(self, run: Callable[[], T], *, took_s: Callable[[T], float]) -> T:
        """Let the device work for a request, one after the other. `took_s`: for how long it says that it worked."""
        start_s = self._clock.now_s()
        with self._lock:
            self._at_work_since_s = start_s
        try:
            done = run()
        except BaseException:
            self._rests(self._clock.now_s() - start_s)
            raise
        self._rests(took_s(done))
        return done

    def came(self, *, alone: bool, period_s: float | None) -> float:
        """A request came: what the edge has waited by now, all in all, for `share_s` to be told of.

        `alone`: no other one is under way. Nobody pays for the time since the last answer then but under a plan for a
        rate, by its period.
        """
        waited_s = self._waited_s()
        if alone:
            self._paid_s = max(self._paid_s, waited_s - (period_s or 0.0))
        return waited_s

    def share_s(self, *, waited_before_s: float, busy_s: float, period_s: float | None) -> float:
        """What a request that is answered now pays for.

        `waited_before_s`: what `came` said. `period_s`: of a plan for a rate, under which a request that kept the
        device for `busy_s` pays for what lies between it and the last one too, a period at most.
        """
        waited_s = self._waited_s()
        most_s = waited_s - waited_before_s if period_s is None else period_s - busy_s
        share_s = max(min(waited_s - self._paid_s, most_s), 0.0)
        self._paid_s += share_s
        if period_s is not None:
            # Answers of one rate do not come at even distances: what a late one leaves is the next one's.
            self._paid_s = max(self._paid_s, waited_s - period_s)
        return share_s

    def _rests(self, worked_s: float) -> None:
        with self._lock:
            self._worked_s += worked_s
            self._at_work_since_s = None

    def _waited_s(self) -> float:
        with self._lock:
            now_s = self._clock.now_s()
            at_work_s = 0.0 if self._at_work_since_s is None else now_s - self._at_work_since_s
            return now_s - self._worked_s - at_work_s
