"""What a policy would have done with the requests that come: a server in virtual time, fed one arrival at a time.

Up to an arrival everything before it is known, so that a rehearsal is always as far as the arrivals are: it decides at
each moment before the newest one, as `simulation.event_loop` would, and never sees what is to come. Requests enter at
the first unit and have one priority.
"""

from __future__ import annotations

import math
from bisect import insort
from operator import attrgetter

from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts

_ROUNDING_S = 1e-9
_BY_DEADLINE = attrgetter("deadline_s", "id")


class Rehearsal:
    """One policy, on a device that is idle at its highest operating point until told otherwise."""

    def __init__(self, policy: ServingPolicy, costs: ServiceCosts) -> None:
        self._policy = policy
        self._costs = costs
        self.point = costs.top
        """The operating point held."""
        self._free_s = -math.inf
        """Until when everything has been decided."""
        self._waiting: list[QueuedRequest] = []
        self._seen = 0
        self._energy_j = 0.0
        self._missed = 0

    def begin(self, now_s: float, point: int) -> None:
        """Start here, idle at this operating point; without this, it starts when the first request comes."""
        self._free_s, self.point = now_s, point

    def come(self, request: QueuedRequest) -> None:
        """Carry on until a request comes, and take it in. Times never go back."""
        if math.isinf(self._free_s):
            self._free_s = request.arrival_s
        self._advance(request.arrival_s)
        self._seen += 1
        self._policy.arrived(request)
        if not self._waiting or _BY_DEADLINE(self._waiting[-1]) < _BY_DEADLINE(request):
            self._waiting.append(request)
        else:
            insort(self._waiting, request, key=_BY_DEADLINE)

    def taken(self) -> tuple[float, int]:
        """Joules and misses since this was asked last."""
        taken = self._energy_j, self._missed
        self._energy_j, self._missed = 0.0, 0
        return taken

    def _advance(self, until_s: float) -> None:
        while self._free_s < until_s:
            decision = self._policy.decide(ServerView(self._free_s, self._waiting, self.point, self._seen))
            if decision.rejected:
                self._missed += len(decision.rejected)
                self._remove({rejection.id for rejection in decision.rejected})
            if isinstance(decision, Launch):
                self._launch(decision)
            else:
                self._rest(decision, until_s)

    def _rest(self, rest: Rest, until_s: float) -> None:
        end_s = until_s if rest.until_s is None else min(rest.until_s, until_s)
        if end_s <= self._free_s:
            return
        if rest.point != self.point:
            self._switch(rest.point)
        if end_s > self._free_s:
            self._energy_j += (end_s - self._free_s) * self._costs.table.idle_w[self.point]
            self._free_s = end_s

    def _launch(self, launch: Launch) -> None:
        if launch.ids:
            members = [request for request in self._waiting if request.id in launch.ids]
            self._remove(set(launch.ids))
        else:
            members = self._waiting[: launch.batch]
            del self._waiting[: launch.batch]
        start_s, before_j, row = self._free_s, self._energy_j, len(members) - 1
        unit_s, unit_j = self._costs.unit_s[launch.variant][row], self._costs.unit_j[launch.variant][row]
        for unit, point in enumerate(launch.points):
            if point != self.point:
                self._switch(point)
            self._free_s += unit_s[unit][point]
            self._energy_j += unit_j[unit][point]
        end_s = self._free_s
        late = sum(end_s - _ROUNDING_S > request.deadline_s for request in members)
        self._missed += late
        mean_s = end_s - sum(request.arrival_s for request in members) / len(members)
        outcome = BatchOutcome(
            start_s, end_s, len(members), launch.variant, launch.points[0], self._energy_j - before_j, mean_s, late
        )
        self._policy.completed(outcome)

    def _switch(self, point: int) -> None:
        table = self._costs.table
        self.point = point
        self._free_s += table.switch_s
        self._energy_j += table.switch_j + table.switch_s * table.idle_w[point]

    def _remove(self, ids: set[int]) -> None:
        self._waiting = [request for request in self._waiting if request.id not in ids]
