"""`dvfs-only`: one request at a time, at the cheapest clock that keeps every deadline in the queue.

No single publication: what clock controllers for latency-critical services share, with the queue known. The
clock is that of least cost at which each request that waits is in time, all run one after the other at that
clock, and those that come meanwhile can still be (`guard`). Without such a clock it is the quickest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import Launch, QueuedRequest, Rest
from joulecut_planner.serving.policies.arrival_rate import ArrivalRate
from joulecut_planner.serving.policies.deadlines import ROUNDING_S, DeadlinePolicy
from joulecut_planner.serving.policies.guard import Guard
from joulecut_planner.serving.policies.one_clock import OneClock
from joulecut_planner.serving.policies.resting import RestingClock

WINDOW_SLOS = 20.0
"""How far back the load is watched, in units of the time that requests have."""


class DvfsOnly(DeadlinePolicy):
    """No batches, full precision."""

    def __init__(self, table: ServiceTable, *, rejects_late: bool = True, counts_idle: bool = True) -> None:
        super().__init__("dvfs-only", table, rejects_late=rejects_late)
        self._resting = RestingClock(table, counts_idle=counts_idle)
        self._clocks = OneClock(self.costs, resting_w=self._resting.resting_w)
        self._alone_at_best_s = self.fastest_s()[0]
        self._guard = Guard([self._alone_at_best_s * count for count in range(1, 65)])
        self._rate = ArrivalRate(1.0)

    def arrived(self, request: QueuedRequest) -> None:
        """Count it."""
        super().arrived(request)
        self._rate.window_s = WINDOW_SLOS * self.slo_s
        self._rate.arrived(request.arrival_s)

    def limit(self) -> int:
        """No batches."""
        return 1

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """The most urgent one, at the cheapest clock that will do for all."""
        entry = self.entry(waiting, 1)
        rate_hz = self._rate.rate_hz(now_s)
        longest_s = self._guard.longest_s(self.slo_s, rate_hz)
        each_s = min(self._each_s(now_s, waiting), longest_s)
        way = self._clocks.cheapest(1, min(each_s + ROUNDING_S, waiting[0].deadline_s - now_s), held, entry)
        if way is None:
            # The load is high. A change up may not pay for this request, but it does for those to come.
            way = self._clocks.staying(1, self.costs.top, entry)
            if now_s + way.time_s + self.table.switch_s > waiting[0].deadline_s:
                way = self._clocks.fastest(1, held, entry)
        return self.launch(1, 0, way.points[0])

    def rest(self, now_s: float, held: int) -> Rest:
        """Wait where little is drawn."""
        rate_hz = self._rate.rate_hz(now_s)
        gap_s = 1.0 / rate_hz if rate_hz > 0.0 else math.inf
        return Rest(self._resting.point(held, gap_s, self.slo_s - self._alone_at_best_s))

    def _each_s(self, now_s: float, waiting: Sequence[QueuedRequest]) -> float:
        """How long each request may take if all are to be in time, one after the other."""
        each_s = math.inf
        for place, request in enumerate(waiting, 1):
            each_s = min(each_s, (request.deadline_s - now_s) / place)
            if each_s < self._alone_at_best_s:
                break
        return each_s
