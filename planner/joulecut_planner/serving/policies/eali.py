"""`eali`: batch and a clock for each unit, response = batch filling + execution (Yao et al., Neurocomputing 507, 2022).

    doi 10.1016/j.neucom.2022.08.025, "EALI: Energy-aware layer-level scheduling for convolutional neural
    network inference services on GPUs"

Published: units of layers; a scheduler that coordinates batch size and units' clocks by the workload for the
least energy under a service level; a batch's response is the time to fill it and the time to execute it.
Open (abstract and summaries only could be had): the search, the estimate of filling, when filling ends early,
the cost of a clock change. Choices made here:

    when a request waits and nothing runs: for each batch size B of at least those that wait,
        filling   = those missing / arrivals per second
        execution <= the oldest's time left - filling, and no longer than B requests take to come,
                     nor than leaves those who come meanwhile in time (`guard`)
        clocks    = the cheapest for that execution (`unit_clocks`: exact, changes of the clock included)
    the B of least cost per request is filled: until it is full, or the oldest's slack is used up;
    then what waits runs, at the clocks that are cheapest for what time there really is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import Launch, QueuedRequest, Rest
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.arrival_rate import ArrivalRate
from joulecut_planner.serving.policies.deadlines import ROUNDING_S, DeadlinePolicy, batch_size, earliest_s, within
from joulecut_planner.serving.policies.dvfs_only import WINDOW_SLOS
from joulecut_planner.serving.policies.fixed import BATCHES_PER_SLO
from joulecut_planner.serving.policies.guard import Guard
from joulecut_planner.serving.policies.one_clock import OneClock, Way
from joulecut_planner.serving.policies.resting import RestingClock
from joulecut_planner.serving.policies.unit_clocks import UnitClocks

_KEPT = 8
"""Tables whose fronts are kept."""


@lru_cache(maxsize=_KEPT)
def _unit_clocks(table: ServiceTable, resting_w: float) -> UnitClocks:
    """Made once for a table, which takes a second or two: many policies may look ways up in the same."""
    return UnitClocks(ServiceCosts(table), resting_w=resting_w)


class Eali(DeadlinePolicy):
    """Full precision."""

    def __init__(self, table: ServiceTable, *, rejects_late: bool = True, counts_idle: bool = True) -> None:
        super().__init__("eali", table, rejects_late=rejects_late)
        self._resting = RestingClock(table, counts_idle=counts_idle)
        self._clocks = _unit_clocks(table, self._resting.resting_w)
        self._staying = OneClock(self.costs, resting_w=self._resting.resting_w)
        self._guard = Guard([seconds + table.switch_s for seconds in self.fastest_s()])
        self._rate = ArrivalRate(1.0)
        self._oldest = -1
        """The most urgent request of the batch that is being filled."""
        self._target = 0
        self._start_s = 0.0
        """When filling ends, full or not."""
        self._stays = False
        """Whether that counts on the clock held now."""

    def arrived(self, request: QueuedRequest) -> None:
        """Count it."""
        super().arrived(request)
        self._rate.window_s = WINDOW_SLOS * self.slo_s
        self._rate.arrived(request.arrival_s)

    def limit(self) -> int:
        """The largest batch that takes half of a request's time when quickest."""
        return within(self.fastest_s(), self.slo_s / BATCHES_PER_SLO)

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """Fill a batch, or run what waits."""
        count = min(len(waiting), self.costs.largest)
        entry = self.entry(waiting, count)
        rate_hz = self._rate.rate_hz(now_s)
        longest_s = self._guard.longest_s(self.slo_s, rate_hz)
        if waiting[0].id != self._oldest:
            self._plan(now_s, waiting, held, entry, rate_hz, longest_s)
        if count < self._target and now_s < self._start_s:
            gap_s = self._start_s - now_s
            return Rest(held if self._stays else self._resting.point(held, gap_s, gap_s), self._start_s)
        self._oldest = -1
        batch, way = self._way(now_s, waiting, held, entry, longest_s)
        points = way.points
        return Launch(batch, 0, (points[0],) * entry + points)

    def rest(self, now_s: float, held: int) -> Rest:
        """Wait where little is drawn."""
        rate_hz = self._rate.rate_hz(now_s)
        gap_s = 1.0 / rate_hz if rate_hz > 0.0 else math.inf
        return Rest(self._resting.point(held, gap_s, self.slo_s - self.fastest_s()[0]))

    def _plan(
        self,
        now_s: float,
        waiting: Sequence[QueuedRequest],
        held: int,
        entry: int,
        rate_hz: float,
        longest_s: float,
    ) -> None:
        """Which batch to fill, and until when."""
        count = min(len(waiting), self.costs.largest)
        due_s = earliest_s(waiting, count)
        self._oldest, self._target, self._start_s = waiting[0].id, count, now_s
        if rate_hz <= 0.0:
            return
        quickest_s = self.quickest_s(held, entry)
        least_j = math.inf
        for batch in range(count, self.costs.largest + 1):
            left_s = due_s - now_s - (batch - count) / rate_hz
            if left_s < quickest_s[batch - 1]:
                break
            # Under high loads nothing leaves enough time for those to come: then as quick as can be.
            most_s = min(left_s, max(longest_s, quickest_s[batch - 1]), batch / rate_hz)
            found = self._ahead(batch, most_s, held, entry)
            if found is None:
                continue
            time_s, cost_j, stays = found
            if cost_j / batch < least_j:
                least_j = cost_j / batch
                self._target, self._start_s, self._stays = batch, due_s - time_s, stays

    def _ahead(self, batch: int, most_s: float, held: int, entry: int) -> tuple[float, float, bool] | None:
        """Seconds and cost of the cheapest way that starts with a change of the clock, or of the one without any."""
        found = self._clocks.after_change(batch, most_s, entry)
        staying = self._staying.staying(batch, held, entry)
        if staying.time_s <= most_s and (found is None or staying.cost_j < found[1]):
            return staying.time_s, staying.cost_j, True
        return None if found is None else (*found, False)

    def _way(
        self, now_s: float, waiting: Sequence[QueuedRequest], held: int, entry: int, longest_s: float
    ) -> tuple[int, Way]:
        """What waits, at the cheapest clocks that leave it, those behind it and those to come in time."""
        fastest_s = self.fastest_s(entry)
        batch, in_time = batch_size(now_s, waiting, self.quickest_s(held, entry), self.costs.largest)
        if not in_time:
            batch = min(len(waiting), self.limit())
            return batch, self._clocks.fastest(batch, held, entry)
        left_s = earliest_s(waiting, batch) - now_s
        if len(waiting) > batch:
            behind_s = fastest_s[min(len(waiting) - batch, self.costs.largest) - 1]
            left_s = min(left_s, waiting[batch].deadline_s - now_s - behind_s - self.table.switch_s)
        way = self._clocks.cheapest(batch, min(left_s, longest_s) + ROUNDING_S, held, entry)
        if way is None:
            # The load is high. A change up may not pay for this batch, but it does for those to come.
            way = self._staying.staying(batch, self.costs.top, entry)
            if way.time_s + self.table.switch_s > left_s:
                way = self._clocks.fastest(batch, held, entry)
        return batch, way
