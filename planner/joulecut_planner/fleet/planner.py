"""The fleet planner: a plan with a proved bound, and plans of changed fleets from what is already known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import overload

import numpy as np

from joulecut_core.argument_types import expect_numbers, expect_type
from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, RejectedEdge, Shared
from joulecut_core.identity import Same
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem, ServerPoint
from joulecut_core.timing import Clock, SystemClock
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.answers import Answer, Served, counted_idle_w, infeasible, unserved
from joulecut_planner.fleet.menu import Budget, Menu
from joulecut_planner.fleet.offers import Offers, offers_of
from joulecut_planner.fleet.price_list import PriceList, of_one_server
from joulecut_planner.fleet.rejections import rejection
from joulecut_planner.fleet.search import Effort, search
from joulecut_planner.fleet.standings import Standings

_FEW = 32
"""Up to so many edges the optimum is worth proving."""

_PROVED_GAP = 1e-7
_GOOD_GAP = 1e-4
_KEPT_GAP = 1e-3
"""Gaps at which the search ends: for few edges, for many, and for many that change little."""

_EFFORT_OFFERS = 40_000_000

_CHANGED_SHARE = 0.25
"""With more new edges than this, prices are found anew."""


@overload
def solve_fleet(fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan: ...


@overload
def solve_fleet(fleet: Pool, *, time_limit_s: float | None = None) -> PoolPlan: ...


def solve_fleet(fleet: Fleet | Pool, *, time_limit_s: float | None = None) -> FleetPlan | PoolPlan:
    """The plan of a fleet with a proved lower bound on its power; "infeasible" only where that is proved.

    Up to 32 edges the search goes on until the gap is 1e-7, beyond until it is 1e-4, both with a bounded
    effort. `time_limit_s` (wall seconds) ends it earlier with the best plan so far; every operating point of
    the server is looked at once in any case. Raises ProblemError where a problem's numbers overflow, and
    PlanError where time is over with neither a plan nor a proof that there is none. A fleet of version 2 is
    planned by `joulecut_planner.pool.solve_pool`. TypeError for what is neither.
    """
    expect_type("fleet", fleet, (Fleet, Pool), "read a file with load_fleet")
    expect_numbers(time_limit_s=time_limit_s)
    if isinstance(fleet, Pool):
        from joulecut_planner.pool import solve_pool  # noqa: PLC0415 - it is built on this package

        return solve_pool(fleet, time_limit_s=time_limit_s)
    return FleetPlanner().plan(fleet, time_limit_s=time_limit_s)


@dataclass(slots=True)
class _Memory:
    """All that a plan leaves for the next one; valid for one `shared` and one list of server points."""

    shared: Shared
    points: tuple[ServerPoint, ...]
    offers: dict[Same[Problem], Offers] = field(default_factory=dict)
    reasons: dict[Same[Problem], str] = field(default_factory=dict)
    served: list[FleetEdge] = field(default_factory=list)
    standings: Standings | None = None
    former: dict[str, Served] = field(default_factory=dict)
    server_point: int | None = None

    def know(self, fleet: Fleet) -> None:
        """Have offers, and reasons where there are none, of the fleet's edges and no others."""
        offers, reasons = self.offers, self.reasons
        self.offers, self.reasons = {}, {}
        for edge in fleet.edges:
            key = Same(edge.problem)
            if key in self.offers:
                continue
            self.offers[key] = offers[key] if key in offers else offers_of(edge.problem, fleet.shared)
            if self.offers[key].is_empty:
                self.reasons[key] = reasons[key] if key in reasons else rejection(edge.problem, fleet.shared)


class FleetPlanner:
    """Plans fleets one after another, each from what the last one left.

    Edges whose `problem` is the same object as before are taken as unchanged: their offers, their part of the
    bounds and, where choice and share stay, their plans are used again. Not for use by two threads at once.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """`clock`: what time limits and solve times are told by; the machine's where it is left out."""
        self._clock = clock or SystemClock()
        self._memory: _Memory | None = None
        self.prices: PriceList | None = None
        """Of the last plan; None where nobody could be served."""

    def plan(self, fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan:
        """As `solve_fleet`; after few changes the search ends at a gap of 1e-3 beyond 32 edges."""
        started_s, self.prices = self._clock.now_s(), None
        memory = self._recalled(fleet)
        memory.know(fleet)
        rejected = tuple(
            RejectedEdge(name=edge.name, reason=memory.reasons[Same(edge.problem)])
            for edge in fleet.edges
            if Same(edge.problem) in memory.reasons
        )
        edges = [edge for edge in fleet.edges if Same(edge.problem) not in memory.reasons]
        if not edges:
            memory.served, memory.standings = [], None
            return unserved(fleet, rejected)
        offers = [memory.offers[Same(edge.problem)] for edge in edges]
        budget, idle_w = Budget.of(fleet.shared), counted_idle_w(fleet)
        standings, is_new = self._standings(memory, edges, offers, budget, idle_w)
        memory.served, memory.standings = edges, standings
        found = search(
            standings.roots(idle_w, budget),
            lambda point: Menu.of(offers, point, float(idle_w[point])),
            budget,
            Effort(
                gap=_PROVED_GAP if len(edges) <= _FEW else _GOOD_GAP if is_new else _KEPT_GAP,
                offers=_EFFORT_OFFERS,
                until_s=None if time_limit_s is None else started_s + time_limit_s,
                clock=self._clock,
            ),
            start=_start(memory, edges, offers, standings),
        )
        standings.take(found.valued)
        if found.menu is None or found.pick is None:
            return infeasible(rejected)
        answer = Answer(fleet.shared, edges, offers, found.menu, found.pick, memory.former)
        served = answer.served(self._clock.now_s() - started_s)
        memory.former = {edge.plan.name: edge for edge in served}
        memory.server_point = found.menu.server_point
        prices = standings.prices[memory.server_point]
        self.prices = None if prices is None else of_one_server(prices)
        return answer.fleet_plan(served, found.bound_w, rejected)

    def _recalled(self, fleet: Fleet) -> _Memory:
        points = fleet.edges[0].problem.server.points
        memory = self._memory
        if memory is None or memory.shared != fleet.shared or memory.points != points:
            memory = self._memory = _Memory(fleet.shared, points)
        return memory

    @staticmethod
    def _standings(
        memory: _Memory, edges: list[FleetEdge], offers: list[Offers], budget: Budget, idle_w: Array
    ) -> tuple[Standings, bool]:
        """What is known of the server points for these edges, and whether all of it was found anew."""
        if memory.standings is not None:
            places = {Same(edge.problem): place for place, edge in enumerate(memory.served)}
            rows = np.array([places.get(Same(edge.problem), -1) for edge in edges], dtype=np.int64)
            if float((rows < 0).mean()) <= _CHANGED_SHARE:
                return memory.standings.moved(rows, offers, idle_w, budget), False
        return Standings.of(offers, idle_w, budget), True


def _start(memory: _Memory, edges: list[FleetEdge], offers: list[Offers], standings: Standings) -> dict[int, Indices]:
    """At the last plan's server point, what each edge did then; the best at known prices for the others."""
    point = memory.server_point
    prices = None if point is None else standings.prices[point]
    if point is None or prices is None:
        return {}
    offer, first = np.empty(len(edges), dtype=np.int64), 0
    for index, (edge, one) in enumerate(zip(edges, offers, strict=True)):
        start, end = int(one.start[point]), int(one.start[point + 1])
        if start == end:
            return {}
        former = memory.former.get(edge.name)
        is_same = former is not None and former.problem is edge.problem and start <= former.offer < end
        within = former.offer - start if former and is_same else int(one.worth_w(point, prices).argmin())
        offer[index] = first + within
        first += end - start
    return {point: offer}
