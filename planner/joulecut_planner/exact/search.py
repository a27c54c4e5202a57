"""The search for the least J: bound groups of choices from below, price the few that may be the plan.

1. Bound every group (cut, wire, variant). Raise the price of lateness for the most promising group to
   where its bound is highest, price the pairs of clocks met on the way, and bound all groups at that
   price again; drop those above the least feasible J. A few rounds leave a handful.
2. Bound those left one by one, and price the pairs of clocks that are left in them.

Where energies tie over many choices (a side that does not count, no watts at all) only T_q tells
them apart: once the bounds prove that what is found ties with the least J there can be, all that
cannot be faster is dropped too. Nothing is dropped that could be the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import TOLERANCE, limit
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Groups, groups_of
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.exact.bounds import Relaxation, relax, relax_rows
from joulecut_planner.exact.floors import group_floors_s, point_floors_s
from joulecut_planner.exact.frontier import Frontier, with_ties
from joulecut_planner.exact.lateness import Climb, climb
from joulecut_planner.exact.pairs import Pairs, Pricer, Survivors
from joulecut_planner.exact.scratch import borrowed

_ROUNDS = 4
"""Groups whose price of lateness is tried on all; the bounds hold after any number."""

_TOGETHER = 8
"""Groups that are priced first, the most promising; then four times as many, since few are left as a rule."""


_LARGEST = float(np.finfo(np.float64).max)
"""In place of an infinite ceiling: points that cannot serve carry infinity, and stay above it."""

_FEW = 2_000
"""Pairs that are priced sooner than bounded any better."""


def cheapest(problem: Problem, grids: Grids, pricer: Pricer) -> Choice | None:
    """The contract's pick among the feasible choices, None where there is none."""
    frontier = Frontier()
    for candidates in pricer.at_home():
        frontier.offer(candidates.energy_j, candidates.bound_s, candidates.indices)
    groups = groups_of(problem, grids, keep_rate=True)
    if len(groups) and problem.slo.latency_s is not None:
        late = group_floors_s(problem, grids, groups) > limit(problem.slo.latency_s)
        groups = groups.only(np.flatnonzero(~late)) if late.any() else groups
    if not len(groups):
        return frontier.best()
    search = _Search(problem, grids, groups, pricer, frontier)
    search.run()
    tie = frontier.fastest(with_ties(frontier.least_j))
    if tie is not None and tie.energy_j > search.certain_j:
        # Choices were dropped for being slower than a tie that turned out not to be certain.
        search = _Search(problem, grids, groups, pricer, frontier, rushes=False)
        search.run()
    return frontier.best()


@dataclass(slots=True)
class _Search:
    problem: Problem
    grids: Grids
    groups: Groups
    pricer: Pricer
    frontier: Frontier
    rushes: bool = True
    """Whether choices may be dropped for being slower than a tie."""
    certain_j: float = np.inf
    """Once rushing: choices of at most this J certainly tie with the least."""
    lower_j: Array = field(init=False)
    price_w: Array = field(init=False)
    """For each group its bound and the price of lateness (J/s) that gave it."""

    def run(self) -> None:
        """Offer every choice of the groups that may be the plan to the frontier."""
        together = 2 * len(self.groups) > len(self.grids.edge.time_s)
        with borrowed() as scratch:
            self._run((relax_rows if together else relax)(self.problem, self.grids, self.groups, scratch))

    def _run(self, relaxation: Relaxation) -> None:
        self.lower_j, self.price_w = relaxation.lower_j(0.0), np.zeros(len(self.groups))
        self._raise_bounds(relaxation)
        left = self._left(np.flatnonzero(~np.isposinf(self.lower_j)))
        held = _TOGETHER
        while left.size:
            first = np.sort(np.argsort(self.lower_j[left], kind="stable")[:held])
            self._price(relaxation, left[first])
            left = self._left(np.delete(left, first))
            held *= 4

    def _ceiling_j(self) -> float:
        """No choice above this can be the plan; a little generous, for rounding."""
        least_j = self.frontier.least_j
        return least_j + 3.0 * TOLERANCE * abs(least_j) if least_j < np.inf else _LARGEST

    def _raise_bounds(self, relaxation: Relaxation) -> None:
        """Try the prices of lateness that suit the most promising groups on all of them; price the pairs met."""
        met: dict[int, Climb] = {}
        for _ in range(_ROUNDS):
            group = int(self.lower_j.argmin())
            if group in met or self.lower_j[group] > self._ceiling_j():
                break
            met[group] = found = climb(relaxation, group)
            if found.hopeless:
                self.lower_j[relaxation.hopeless()] = np.inf
            elif found.price_w > 0.0:
                bound_j = relaxation.lower_j(found.price_w)
                higher = bound_j > self.lower_j
                self.lower_j[higher] = bound_j[higher]
                self.price_w[higher] = found.price_w
        if met:
            self._offer(
                self.groups,
                Pairs(
                    np.repeat(list(met), [len(found.edge_points) for found in met.values()]),
                    np.array([point for found in met.values() for point in found.edge_points], dtype=np.int64),
                    np.array([point for found in met.values() for point in found.server_points], dtype=np.int64),
                ),
            )

    def _left(self, groups: Indices) -> Indices:
        """Those of some groups that may hold the plan."""
        left = groups[~(self.lower_j[groups] > self._ceiling_j())]
        if not left.size or not self.rushes:
            return left
        if self.certain_j == np.inf:
            certain_j = with_ties(float(np.minimum(self.frontier.least_j, self.lower_j[left].min())))
            if not self.frontier.least_j <= certain_j:
                return left
            self.certain_j = certain_j
        return self._faster(left)

    def _faster(self, groups: Indices) -> Indices:
        """Those of some groups that may hold a choice faster than all certain ties, or as fast and of lower indices."""
        own = self.groups.only(groups)
        floors_s = group_floors_s(self.problem, self.grids, own)
        fastest = np.array([floors_s.argmin()])
        edge_point, server_point = point_floors_s(self.problem, self.grids, own.only(fastest)).fastest()
        self._offer(own, Pairs(fastest, edge_point, server_point))
        tie = self.frontier.fastest(self.certain_j)
        if tie is None:
            return groups
        slower = (floors_s > tie.bound_s) | ((floors_s == tie.bound_s) & own.follow(tie.choice))
        faster: Indices = groups[~slower]
        return faster

    def _price(self, relaxation: Relaxation, groups: Indices) -> None:
        """Offer all pairs of some groups that may be the plan."""
        own = self.groups.only(groups)
        # Wires bounded together are bounded loosely where H is the time until the answer. They may also be allowed
        # points that miss the rate, which matters as long as nothing feasible is known.
        nothing_known = not self.frontier.least_j < np.inf
        loose = nothing_known or self.problem.slo.rate_hz is None
        relaxed = relax(self.problem, self.grids, own) if loose else relaxation.only(groups)
        terms = _Terms.of(relaxed, self.price_w[groups])
        if nothing_known:
            every = np.arange(len(own))
            self._offer(own, Pairs(every, terms.edge_j.argmin(axis=1), terms.server_j.argmin(axis=1)))
            self._offer(own, Pairs(every, *point_floors_s(self.problem, self.grids, own).fastest()))
        survivors = terms.survivors(self._ceiling_j())
        tie = self.frontier.fastest(self.certain_j) if self.certain_j < np.inf else None
        if tie is not None and survivors.counts().sum() > _FEW:
            floors = point_floors_s(self.problem, self.grids, own)
            survivors = survivors.within(floors, tie.bound_s)
        for pairs in survivors.blocks():
            self._offer(own, pairs.only(terms.allow(pairs, self._ceiling_j())))

    def _offer(self, groups: Groups, pairs: Pairs) -> None:
        candidates = self.pricer.offloaded(groups, pairs)
        self.frontier.offer(candidates.energy_j, candidates.bound_s, candidates.indices)


@dataclass(frozen=True, slots=True)
class _Terms:
    """J and the price of lateness, taken apart: a pair costs its group at least edge + server + constant."""

    edge_j: Array
    server_j: Array
    constant_j: Array

    @classmethod
    def of(cls, relaxation: Relaxation, price_w: Array) -> _Terms:
        slack_j = relaxation.slack_j(price_w)
        if not price_w.any():
            return cls(relaxation.edge_j, relaxation.server_j, relaxation.constant_j - slack_j)
        price = price_w[:, None]
        return cls(
            relaxation.edge_j + price * relaxation.edge_s,
            relaxation.server_j + price * relaxation.server_s,
            relaxation.constant_j + price_w * relaxation.constant_s - slack_j,
        )

    def survivors(self, ceiling_j: float) -> Survivors:
        """The points that may belong to a choice of at most `ceiling_j` joules."""
        budget_j = ceiling_j - self.constant_j
        edge_budget_j = budget_j - self.server_j.min(axis=1)
        server_budget_j = budget_j - self.edge_j.min(axis=1)
        return Survivors(~(self.edge_j > edge_budget_j[:, None]), ~(self.server_j > server_budget_j[:, None]))

    def allow(self, pairs: Pairs, ceiling_j: float) -> NDArray[np.bool_]:
        """Which pairs may cost at most `ceiling_j` joules."""
        group = pairs.group
        least_j = self.edge_j[group, pairs.edge_point] + self.server_j[group, pairs.server_point]
        return ~(least_j > (ceiling_j - self.constant_j)[group])
