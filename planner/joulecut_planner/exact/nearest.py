"""The nearest choice: least T_q among those allowed and accurate enough, deadline and rate ignored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Groups, groups_of
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.exact.floors import group_floors_j, group_floors_s, point_floors_s
from joulecut_planner.exact.frontier import Nearest
from joulecut_planner.exact.pairs import Pairs, Pricer, Survivors


def nearest(problem: Problem, grids: Grids, pricer: Pricer) -> Choice | None:
    """The choice of least T_q, then least J, then lowest indices; None where none is allowed and accurate enough.

    Prices the pairs of clocks that may be as fast as the fastest found so far, most promising group first.
    """
    best = Nearest()
    for candidates in pricer.at_home():
        best.offer(candidates.energy_j, candidates.bound_s, candidates.indices)
    groups = groups_of(problem, grids, keep_rate=False)
    if len(groups):
        _Approach(problem, grids, pricer, best).run(groups)
    return best.best()


@dataclass(frozen=True, slots=True)
class _Approach:
    problem: Problem
    grids: Grids
    pricer: Pricer
    best: Nearest

    def run(self, groups: Groups) -> None:
        """Offer every choice of the groups that may be the nearest."""
        floors_s = group_floors_s(self.problem, self.grids, groups)
        first = np.array([floors_s.argmin()])
        if floors_s[first] > self.best.bound_s:
            return
        self._price(groups.only(first))
        others = ~(floors_s > self.best.bound_s)
        others[first] = False
        left = self._untied(groups, floors_s, np.flatnonzero(others))
        if left.size:
            self._price(groups.only(left))

    def _untied(self, groups: Groups, floors_s: Array, left: Indices) -> Indices:
        """`left` without the groups that at best are as fast as the nearest so far, and cost more or come later."""
        best = self.best.nearest()
        own = groups.only(left)
        floors_j = group_floors_j(self.problem, self.grids, own)
        behind = (floors_j > best.energy_j) | ((floors_j == best.energy_j) & own.follow(best.choice))
        kept: Indices = left[~((floors_s[left] == best.bound_s) & behind)]
        return kept

    def _price(self, groups: Groups) -> None:
        """Offer all pairs of some groups that may be as fast as the nearest so far."""
        floors = point_floors_s(self.problem, self.grids, groups)
        self._offer(groups, Pairs(np.arange(len(groups)), *floors.fastest()))
        bound_s = self.best.bound_s
        for pairs in Survivors.of(~(floors.edge_s > bound_s), ~(floors.server_s > bound_s)).blocks():
            self._offer(groups, pairs)

    def _offer(self, groups: Groups, pairs: Pairs) -> None:
        candidates = self.pricer.offloaded(groups, pairs)
        if len(pairs):
            self.best.offer(candidates.energy_j, candidates.bound_s, candidates.indices)
