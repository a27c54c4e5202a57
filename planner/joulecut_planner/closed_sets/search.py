"""Promising closed sets where there are too many to list, and a proved lower bound on J over all of them.

For each wire and pair of clocks the least J over all closed sets is a minimum cut. Where that set is too
slow for the deadline L, being late gets a price p in joules per second:

    least over sets of J + p*(T - L)  <=  least J over the sets that keep L        for every p >= 0

and p is raised, each time to the slope between the best set known that is too slow and the best that is fast
enough, until the bound is as high as it gets. From the set that is fast enough a walk over neighbouring sets
looks for what lies between the two. Pairs are taken in the order of a bound that costs no cut: each block on
its cheaper side and the fewest bytes that any set sends. The search ends when that bound exceeds the best J
found, or after a number of cuts; pairs never looked at then keep that bound. The rate's limits on single stages
do not enter the bound, only the sets' own feasibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop

import numpy as np

from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array
from joulecut_planner.closed_sets.dag_problem import DagProblem
from joulecut_planner.closed_sets.least_set import SetCutter
from joulecut_planner.closed_sets.linear_costs import CostModel, LinearCost
from joulecut_planner.closed_sets.neighbours import Neighbours
from joulecut_planner.closed_sets.pairs import Pair, allowed_s

_PRICE_STEPS = 8
"""Prices tried for one pair of clocks."""

_COARSE_PRICES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Prices of the bound without a cut, in units of the edge's mean draw."""

_WALK = 64
"""Steps from set to set at most."""

_CAREFUL = 1.0 - 1e-12
"""Rounding must not make a set late that is just in time."""

_TIGHT = 1e-12
"""Relative: a bound this close to the line between two sets has met it, and a J this close is no better."""


@dataclass(frozen=True, slots=True)
class Found:
    """Closed sets (bit masks) worth pricing exactly, and what no offloaded feasible choice undercuts, in joules.

    `bound_j` is infinite where no closed set keeps the deadline.
    """

    masks: frozenset[int]
    bound_j: float
    cuts_made: int


def promising_sets(problem: DagProblem, *, known_j: float, most_cuts: int) -> Found:
    """Search every wire and pair of clocks. `known_j`: a feasible J, infinite where none is known."""
    search = _Search(problem, known_j)
    bound_j = search.run(most_cuts)
    return Found(frozenset(search.masks), bound_j, search.cuts_made)


@dataclass(frozen=True, slots=True)
class _Met:
    mask: int
    least: float
    energy_j: float
    late_s: float


class _Search:
    def __init__(self, problem: DagProblem, known_j: float) -> None:
        self.masks: set[int] = set()
        self.cuts_made = 0
        self._problem = problem
        self._least_j = known_j
        self._allowed_s = allowed_s(problem)
        self._model = CostModel(problem)
        self._cutter = SetCutter(problem.graph)
        self._neighbours = Neighbours(problem.graph)

    def run(self, most_cuts: int) -> float:
        """Fill `masks`; returns the bound in joules."""
        places = self._places()
        heapify(places)
        bound_j = np.inf
        while places:
            coarse_j, wire, i, j = heappop(places)
            if coarse_j >= self._least_j or self.cuts_made >= most_cuts:
                return min(bound_j, coarse_j)
            pair = Pair(self._problem, wire, self._model.energy(wire, j).at(i), self._model.latency(wire, j).at(i))
            bound_j = min(bound_j, max(coarse_j, self._bound_j(pair)))
        return bound_j

    def _places(self) -> list[tuple[float, int, int, int]]:
        """(bound in joules, wire, edge point, server point) wherever some set might be in time."""
        nothing = np.zeros(len(self._problem.graph.blocks))
        fewest_bytes = max(0.0, self._cutter.least(LinearCost(nothing, nothing, 1.0, 0.0)).least)
        return [
            (bound_j, wire, i, j)
            for wire, rule in enumerate(self._problem.wires)
            if rule.accuracy_loss <= limit(self._problem.max_accuracy_loss)
            for j in range(len(self._problem.server.points))
            for i, bound_j in enumerate(self._coarse_j(wire, j, fewest_bytes).tolist())
            if np.isfinite(bound_j)
        ]

    def _coarse_j(self, wire: int, j: int, fewest_bytes: float) -> Array:
        """For each edge point a lower bound on J, without a cut; infinite where no set can be in time."""
        energy, latency = self._model.energy(wire, j), self._model.latency(wire, j)
        most_bytes = float(sum(tensor.size_bytes for tensor in self._problem.graph.tensors))
        least_s = np.minimum(latency.edge, latency.server).sum(axis=1) + latency.per_byte * fewest_bytes
        in_time = (least_s + latency.constant) * _CAREFUL <= self._allowed_s
        has_deadline = np.isfinite(self._allowed_s)
        slack_s = latency.constant - (self._allowed_s if has_deadline else 0.0)
        whole_s = latency.edge.sum(axis=1)
        draw_w = np.divide(energy.edge.sum(axis=1), whole_s, out=np.zeros_like(whole_s), where=whole_s > 0.0)
        bounds: list[Array] = []
        for share in _COARSE_PRICES if has_deadline else (0.0,):
            price_w = np.maximum(share * draw_w, 0.0)
            edge = energy.edge + price_w[:, None] * latency.edge
            server = energy.server + price_w[:, None] * latency.server
            per_byte = energy.per_byte + price_w * latency.per_byte
            sent_j = per_byte * np.where(per_byte > 0.0, fewest_bytes, most_bytes)
            bounds.append(np.minimum(edge, server).sum(axis=1) + sent_j + energy.constant + price_w * slack_s)
        return np.where(in_time, np.max(bounds, axis=0), np.inf)

    def _bound_j(self, pair: Pair) -> float:
        """A lower bound on the J of every set in time at a pair; sets met on the way are kept."""
        cheap = self._meet(pair, pair.energy)
        bound_j = cheap.least
        if bound_j >= self._least_j:
            return bound_j
        if cheap.late_s <= 0.0:
            self._walk(pair, cheap)
            return bound_j
        fast = self._meet(pair, pair.latency)
        if fast.least > self._allowed_s:
            return np.inf
        slow = cheap
        for _ in range(_PRICE_STEPS):
            if not (slow.energy_j < fast.energy_j and fast.late_s < slow.late_s):
                break
            price_w = (fast.energy_j - slow.energy_j) / (slow.late_s - fast.late_s)
            met = self._meet(pair, pair.energy.plus(price_w, pair.latency))
            bound_j = max(bound_j, met.least - price_w * self._allowed_s)
            line_j = slow.energy_j + price_w * slow.late_s
            if bound_j >= min(self._least_j, line_j - _TIGHT * abs(line_j)):
                break
            slow, fast = (met, fast) if met.late_s > 0.0 else (slow, met)
        self._walk(pair, fast)
        return bound_j

    def _meet(self, pair: Pair, cost: LinearCost) -> _Met:
        """The set of least `cost`; kept, and the best J lowered where it is feasible."""
        found = self._cutter.least(cost)
        self.cuts_made += 1
        self.masks.add(found.mask)
        costs = pair.costs((found.mask,))
        if costs.feasible[0]:
            self._least_j = min(self._least_j, float(costs.energy_j[0]))
        return _Met(found.mask, found.least, float(costs.energy_j[0]), float(costs.late_s[0]))

    def _walk(self, pair: Pair, start: _Met) -> None:
        """Go from set to feasible neighbouring set while J falls; what is better than any before is kept."""
        mask, energy_j = start.mask, np.inf if start.late_s > 0.0 else start.energy_j
        for _ in range(_WALK):
            around = self._neighbours.of(mask)
            costs = pair.costs(around)
            usable_j = np.where(costs.feasible, costs.energy_j, np.inf)
            best = int(usable_j.argmin())
            if not usable_j[best] < energy_j - _TIGHT * abs(energy_j):
                return
            mask, energy_j = around[best], float(usable_j[best])
            if energy_j < self._least_j:
                self._least_j = energy_j
                self.masks.add(mask)
