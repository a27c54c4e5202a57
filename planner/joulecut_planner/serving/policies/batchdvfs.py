"""`batchdvfs`: the batch size by binary search, the clock when the batch size is at its end (`batch_search`).

    Nabavinejad, Reda and Ebrahimi, "Coordinated batching and DVFS for DNN inference on GPU accelerators",
    IEEE TPDS 33(10), 2022, doi 10.1109/TPDS.2022.3144614; abstract, and the authors' published program

The published controller runs a closed loop (inputs never run out) under a power cap: every period, the
highest power drawn is compared with 80 and 100 % of the cap; below, the batch grows, and the clock when it
cannot; above, the batch shrinks, and the clock falls when it cannot. Left open is all that a service level
asks for. Here the same band holds for time as well: the longest batch of the period against half of a
request's time (which may find a batch running when it comes); above, the batch shrinks, and the clock rises
when it cannot. Inputs do run out: the batch grows only where more waited than it could hold, the clock falls
while batches are quick and nobody waits for the next one, and rises while requests are late, or turned away
since they would be, for no longer batch than that. A period in which nothing ran and nobody was turned away
changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView
from joulecut_planner.serving.policies.batch_search import BatchSearch
from joulecut_planner.serving.policies.deadlines import DeadlinePolicy
from joulecut_planner.serving.policies.fixed import BATCHES_PER_SLO

_BAND = 0.8
_PERIOD_SLOS = 10.0
_CLOCK_STEPS = 10
_FIRST_STEP = 5
"""As in the authors' program: ten clocks over the range, of which it starts at the sixth."""


class BatchDvfs(DeadlinePolicy):
    """Full precision; `power_cap_w` None: only time limits. `period_s` None: 10 times what requests have."""

    def __init__(
        self,
        table: ServiceTable,
        *,
        power_cap_w: float | None = None,
        period_s: float | None = None,
        rejects_late: bool = True,
    ) -> None:
        """Raises ValueError for a cap or a period that is not above 0."""
        super().__init__("batchdvfs", table, rejects_late=rejects_late)
        for name, value in (("power_cap_w", power_cap_w), ("period_s", period_s)):
            if value is not None and not value > 0.0:
                raise ValueError(f"{name}: {value}; expected more than 0")
        self._power_cap_w = power_cap_w
        self._period_s = period_s
        steps = np.linspace(0, self.costs.top, min(_CLOCK_STEPS, len(table.points))).round().astype(int)
        self._points: list[int] = steps.tolist()
        top = len(self._points) - 1
        self.search = BatchSearch(self.costs.largest, top, min(_FIRST_STEP, top))
        self._next_s = 0.0
        self._forget()

    def _forget(self) -> None:
        self._highest_w = 0.0
        self._longest_s = 0.0
        self._cut_off = False
        """Whether more waited than the limit let run."""
        self._late = False

    def limit(self) -> int:
        """The batch size found so far."""
        return self.search.batch

    def arrived(self, request: QueuedRequest) -> None:
        """The first one starts the first period."""
        super().arrived(request)
        if not self._next_s:
            self._next_s = request.arrival_s + self._period()

    def decide(self, view: ServerView) -> Launch | Rest:
        """As any server, after a step of control where one is due."""
        if self._next_s and view.now_s >= self._next_s:
            self._control()
            self._next_s = view.now_s + self._period()
        decision = super().decide(view)
        self._late = self._late or bool(decision.rejected)
        return decision

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """Run what waits, up to the batch size found."""
        del now_s, held
        limit = self.limit()
        self._cut_off = self._cut_off or len(waiting) > limit
        return self.launch(min(len(waiting), limit), 0, self._points[self.search.clock])

    def rest(self, now_s: float, held: int) -> Rest:
        """Hold the clock of the controller: an idle device teaches it nothing."""
        del now_s, held
        return Rest(self._points[self.search.clock])

    def completed(self, outcome: BatchOutcome) -> None:
        """What was drawn, how long it took, whether anybody was late."""
        took_s = outcome.end_s - outcome.start_s
        self._highest_w = max(self._highest_w, outcome.energy_j / took_s)
        self._longest_s = max(self._longest_s, took_s)
        self._late = self._late or outcome.late > 0

    def _period(self) -> float:
        return _PERIOD_SLOS * self.slo_s if self._period_s is None else self._period_s

    def _control(self) -> None:
        search = self.search
        if not self._longest_s and not self._late:
            return
        power = self._highest_w / self._power_cap_w if self._power_cap_w is not None else 0.0
        time = self._longest_s / (self.slo_s / BATCHES_PER_SLO)
        if power > 1.0:
            if not search.shrink():
                search.clock = max(search.clock - 1, 0)
        elif time > 1.0:
            if not search.shrink() and power < _BAND:
                search.clock = min(search.clock + 1, search.top)
        elif power < _BAND and time < _BAND and self._cut_off:
            search.grow()
        elif self._late and power < _BAND:
            search.clock = min(search.clock + 1, search.top)
        elif time < _BAND and not self._cut_off and not self._late:
            search.clock = max(search.clock - 1, 0)
        self._forget()
