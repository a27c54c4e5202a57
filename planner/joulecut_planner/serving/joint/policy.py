"""joulecut's serving policy: by the values of what may come, or by a published rule where that does better.

    arrivals ─┬─▶ the policy in charge ─▶ decisions
              ├─▶ values, rehearsed ─┐
              └─▶ EALI, rehearsed   ─┴─▶ contest: who would clearly have cost less is put in charge

Values know what they are told: a law of arrivals with a rate and a dispersion, and the age of the oldest request only.
Where what comes is more regular than that, a rule that fills batches to a plan can do better. Which of the two does is
not guessed: both are rehearsed on the arrivals as they come. The values are in charge until the other has been cheaper
by more than chance explains and than a hand-over costs (`joint.contest`). Who takes over does so at a free queue, or
after a control period without one, and at the clock that it would hold: its rule may know no way there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint.contest import Contest, ContestRules
from joulecut_planner.serving.joint.loads import MISS_PRICES
from joulecut_planner.serving.joint.rehearsal import Rehearsal
from joulecut_planner.serving.joint.value_policy import ValuePolicy
from joulecut_planner.serving.policies.eali import Eali

_REMEMBERED = 40.0
"""Control periods over which rehearsals are compared: for as long a load is believed to last."""
_BLOCKS = 5
"""In a control period: each lasts for several batches, so that neighbours tell nearly independent stories."""
_SHORTEST_S = 1e-7


class JoulecutPolicy:
    """Decides by values (`ValuePolicy`), or by EALI's rule where rehearsals show that this costs less.

    Which is cheaper is a matter of joules, and of misses: those that are tolerated have a low price, others a high one.

    `slo_s` is the usual time from arrival to deadline; `miss_share` the share of requests that may be missed where
    that saves energy, and is exceeded where the load is more than the device can serve. The mean accuracy of all
    answers never falls below `accuracy_floor`. `counts_idle`: whether what the device draws at rest is energy to save;
    changes of the clock count either way. `kept`: a folder for what is prepared once for a table and a `slo_s`,
    which takes seconds; without it, it is prepared in every process. Raises ValueError for a `slo_s` that is not
    positive, or a floor that the table's reference does not reach.
    """

    name = "joulecut"

    def __init__(
        self,
        table: ServiceTable,
        *,
        slo_s: float,
        accuracy_floor: float = 0.0,
        miss_share: float = 0.0075,
        counts_idle: bool = True,
        kept: Path | None = None,
    ) -> None:
        self.table = table
        self._rehearsed = counted = table if counts_idle else _without_idle(table)

        def values() -> ValuePolicy:
            return ValuePolicy(counted, slo_s=slo_s, accuracy_floor=accuracy_floor, miss_share=miss_share, kept=kept)

        self.values = values()
        costs = ServiceCosts(counted)
        self._policies: tuple[ServingPolicy, ...] = (self.values, Eali(counted))
        self._rehearsals = (Rehearsal(values(), costs), Rehearsal(Eali(counted), costs))
        lone_j = self.values.loads.lone_j
        self._contest = Contest(
            ContestRules(
                block_s=self.period_s / _BLOCKS,
                remembered_blocks=_REMEMBERED * _BLOCKS,
                tolerated_share=miss_share,
                tolerated_j=MISS_PRICES[0] * lone_j,
                beyond_j=MISS_PRICES[-2] * lone_j,
            )
        )
        self._in_charge = 0
        self._handing_over_s = math.inf
        """Since when the other one is to be put in charge."""
        self._alike = True
        """Whether all requests so far enter at the first unit with equal priority: others are not rehearsed."""

    @property
    def period_s(self) -> float:
        """The control period: how often the resting clock is looked at again while nothing comes."""
        return self.values.period_s

    def arrived(self, request: QueuedRequest) -> None:
        """Count it, and let the rehearsals have it too."""
        for policy in self._policies:
            policy.arrived(request)
        if request.priority or request.entry:
            self._alike, self._in_charge, self._handing_over_s = False, 0, math.inf
        if self._alike:
            self._rehearse(request)

    def decide(self, view: ServerView) -> Launch | Rest:
        """As whoever is in charge decides."""
        if not view.arrivals:
            # Rehearsals start from where the device is, so that who is in charge does in them what it does in truth.
            for rehearsal in self._rehearsals:
                rehearsal.begin(view.now_s, view.point)
        if view.now_s >= self._handing_over_s and (
            not view.waiting or view.now_s - self._handing_over_s > self.period_s
        ):
            self._in_charge, self._handing_over_s = 1 - self._in_charge, math.inf
            point = self._rehearsals[self._in_charge].point
            if point != view.point:
                return Rest(point, view.now_s + max(self.table.switch_s, _SHORTEST_S))
        decision = self._policies[self._in_charge].decide(view)
        if self._in_charge and decision.rejected:
            self.values.lost(len(decision.rejected))
        return decision

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        """As many as the running batch can take at `unit` with everybody in time."""
        return self.values.join(view, unit, batch)

    def completed(self, outcome: BatchOutcome) -> None:
        """Count who was late, and how accurate the answers are."""
        for policy in self._policies:
            policy.completed(outcome)

    def _rehearse(self, request: QueuedRequest) -> None:
        one, other = self._rehearsals
        one.come(request)
        other.come(request)
        if self._contest.came(request.arrival_s, (one.taken(), other.taken())):
            if not self._contest.is_beaten(self._in_charge, *self._changing()):
                self._handing_over_s = math.inf
            elif math.isinf(self._handing_over_s):
                self._handing_over_s = request.arrival_s

    def _changing(self) -> tuple[float, float]:
        """Joules and seconds of the clock's change where the other one takes over; 0 where both hold the same."""
        point = self._rehearsals[1 - self._in_charge].point
        if point == self._rehearsals[self._in_charge].point:
            return 0.0, 0.0
        table = self._rehearsed
        return table.switch_j + table.switch_s * table.idle_w[point], table.switch_s


def _without_idle(table: ServiceTable) -> ServiceTable:
    """The table of a device whose draw at rest is nobody's concern; what it draws while its clock changes still is."""
    switch_j = table.switch_j + table.switch_s * max(table.idle_w)
    return replace(table, idle_w=(0.0,) * len(table.points), switch_j=switch_j)
