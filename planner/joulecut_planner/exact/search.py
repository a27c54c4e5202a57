"""The search for the least J: bound groups of choices from below, price the few that may be the plan.

1. Bound every group (cut, wire, variant). Raise the price of lateness for the most promising group to
   where its bound is highest, price the pair of clocks that this leads to, and bound all groups at that
   price again; drop those above the least feasible J. A few rounds leave a handful.
2. Price the pairs of clocks that the bounds of each side leave in them.

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
from joulecut_planner.exact.floors import PointFloors, group_floors_s, point_floors_s
from joulecut_planner.exact.frontier import Frontier, with_ties
from joulecut_planner.exact.lateness import Climb, climb
from joulecut_planner.exact.pairs import Pairs, Pricer, Survivors
from joulecut_planner.exact.scratch import Scratch, borrowed

_ROUNDS = 4
"""Groups whose price of lateness is tried on all; the bounds hold after any number."""

_TOGETHER = 16
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


@dataclass(frozen=True, slots=True)
class _Bounded:
    """Groups, for each a lower bound on its J, and the price of lateness (J/s) that gave it."""

    groups: Groups
    relaxation: Relaxation
    lower_j: Array
    price_w: Array
    apart: bool
    """Whether each group is bounded by itself, not together with those of its row."""

    def __len__(self) -> int:
        return len(self.lower_j)

    def only(self, kept: Indices) -> _Bounded:
        """Some of the groups, in the order of `kept`."""
        groups, relaxation = self.groups.only(kept), self.relaxation.only(kept)
        return _Bounded(groups, relaxation, self.lower_j[kept], self.price_w[kept], self.apart)

    def charge(self, price_w: float) -> None:
        """Raise the bounds that are higher at this price of lateness."""
        bound_j = self.relaxation.lower_j(price_w)
        higher = bound_j > self.lower_j
        self.lower_j[higher] = bound_j[higher]
        self.price_w[higher] = price_w


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
    scratch: Scratch = field(init=False)

    def run(self) -> None:
        """Offer every choice of the groups that may be the plan to the frontier."""
        apart = 2 * len(self.groups) <= len(self.grids.edge.time_s)
        with borrowed() as self.scratch:
            relaxation = (relax if apart else relax_rows)(self.problem, self.grids, self.groups, self.scratch)
            free_w = np.zeros(len(self.groups))
            bounded = self._raised(_Bounded(self.groups, relaxation, relaxation.lower_j(0.0), free_w, apart))
            left = self._left(bounded, self._within(bounded))
            held = _TOGETHER
            while left.size > held:
                first = np.argsort(bounded.lower_j[left], kind="stable")[:held]
                self._price(self._apart(bounded, left[np.sort(first)]))
                left = np.delete(left, first)
                left = self._left(bounded, left[~(bounded.lower_j[left] > self._ceiling_j())])
                held *= 4
            if left.size:
                self._price(self._apart(bounded, left))

    def _ceiling_j(self) -> float:
        """No choice above this can be the plan; a little generous, for rounding."""
        least_j = self.frontier.least_j
        return least_j + 3.0 * TOLERANCE * abs(least_j) if least_j < np.inf else _LARGEST

    def _raised(self, bounded: _Bounded) -> _Bounded:
        """The groups that may hold the plan, bounded at the prices of lateness that suit the most promising of them."""
        climbed: set[int] = set()
        price_w = 0.0
        for _ in range(_ROUNDS):
            group = int(bounded.lower_j.argmin())
            if group in climbed or bounded.lower_j[group] > self._ceiling_j():
                break
            climbed.add(group)
            found = climb(bounded.relaxation, group, start_w=price_w)
            if found.hopeless:
                bounded.lower_j[bounded.relaxation.hopeless()] = np.inf
                continue
            self._offer_one(bounded.groups, group, found)
            if found.price_w == 0.0:
                break
            price_w = found.price_w
            bounded.charge(price_w)
            left = self._within(bounded)
            if 0 < 2 * left.size <= len(bounded):
                # Few are left to bound in the next rounds.
                bounded = self._apart(bounded, left)
                climbed = set((left == group).nonzero()[0].tolist())
        return bounded

    def _offer_one(self, groups: Groups, group: int, found: Climb) -> None:
        if found.energy_j <= self._ceiling_j():
            priced = self.pricer.one(groups, group, found.edge_point, found.server_point)
            if priced is not None:
                self.frontier.take(priced)

    def _within(self, bounded: _Bounded) -> Indices:
        """The groups that may hold a choice below the ceiling."""
        within: Indices = (~(bounded.lower_j > self._ceiling_j())).nonzero()[0]
        return within

    def _apart(self, bounded: _Bounded, kept: Indices) -> _Bounded:
        """Some of the groups, each bounded by itself where bounding wires together is loose.

        That is where H is the time until the answer; and as long as nothing feasible is known, since wires
        together may also be allowed points at which one of them misses the rate.
        """
        if bounded.apart or (self.problem.slo.rate_hz is not None and self.frontier.least_j < np.inf):
            return bounded if bounded.apart and kept.size == len(bounded) else bounded.only(kept)
        own = bounded.groups.only(kept)
        relaxation = relax(self.problem, self.grids, own, self.scratch)
        return _Bounded(own, relaxation, bounded.lower_j[kept], bounded.price_w[kept], apart=True)

    def _left(self, bounded: _Bounded, groups: Indices) -> Indices:
        """Those of some groups below the ceiling that may hold the plan."""
        if not groups.size or not self.rushes:
            return groups
        if self.certain_j == np.inf:
            certain_j = with_ties(float(np.minimum(self.frontier.least_j, bounded.lower_j[groups].min())))
            if not self.frontier.least_j <= certain_j:
                return groups
            self.certain_j = certain_j
        return self._faster(bounded.groups, groups) if groups.size > _TOGETHER else groups

    def _faster(self, bounded: Groups, groups: Indices) -> Indices:
        """Those of some groups that may hold a choice faster than all certain ties, or as fast and of lower indices."""
        own = bounded.only(groups)
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

    def _price(self, bounded: _Bounded) -> None:
        """Offer all pairs of some groups that may be the plan."""
        own, terms = bounded.groups, _Terms.of(bounded.relaxation, bounded.price_w)
        if not self.frontier.least_j < np.inf:
            every = np.arange(len(own))
            self._offer(own, Pairs(every, terms.edge_j.argmin(axis=1), terms.server_j.argmin(axis=1)))
            self._offer_fastest(own)
        survivors = terms.survivors(self._ceiling_j())
        if len(own) > 1 and self.certain_j == np.inf and survivors.counts().sum() > _FEW:
            # The most promising group by itself may lower the ceiling, which leaves fewer pairs of the others.
            first = int(bounded.lower_j.argmin())
            self._offer_survivors(own, terms, survivors.of_group(first))
            survivors = terms.survivors(self._ceiling_j()).of_others(first)
        self._offer_survivors(own, terms, survivors)

    def _offer_survivors(self, groups: Groups, terms: _Terms, survivors: Survivors) -> None:
        if self.certain_j < np.inf and survivors.counts().sum() > _FEW:
            floors = self._offer_fastest(groups)
            tie = self.frontier.fastest(self.certain_j)
            survivors = survivors if tie is None else survivors.within(floors, tie.bound_s)
        for pairs in survivors.blocks():
            self._offer(groups, pairs.only(terms.allow(pairs, self._ceiling_j())))

    def _offer_fastest(self, groups: Groups) -> PointFloors:
        """Offer of each group the pair of the least floors, and give all its floors."""
        floors = point_floors_s(self.problem, self.grids, groups)
        self._offer(groups, Pairs(np.arange(len(groups)), *floors.fastest()))
        return floors

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
        return Survivors.of(~(self.edge_j > edge_budget_j[:, None]), ~(self.server_j > server_budget_j[:, None]))

    def allow(self, pairs: Pairs, ceiling_j: float) -> NDArray[np.bool_]:
        """Which pairs may cost at most `ceiling_j` joules."""
        group = pairs.group
        least_j = self.edge_j[group, pairs.edge_point] + self.server_j[group, pairs.server_point]
        return ~(least_j > (ceiling_j - self.constant_j)[group])
