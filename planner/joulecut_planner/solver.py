"""The exact planner: the least J over all choices, found by bounding groups of choices and pricing the rest.

1. Price every choice that stays on the edge.
2. Bound every group (cut, wire, variant) from below; price its cheapest and fastest pairs of clocks.
   Raise the price of being late, group by group, until the bound is as high as it gets (the
   Lagrangian of a two-choice frontier: each step takes the slope between the best pair that is too
   slow and the best that is fast enough). Drop groups whose bound exceeds the best feasible J.
3. Price what is left of the remaining groups' grids of clocks, cheapest bound first.

Nothing is dropped that could be the plan or tie with it, so the answer is that of the exhaustive
solver (`joulecut_planner.oracle`); property tests hold the two together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.answers import plan_for
from joulecut_planner.bounds import Picks, Relaxation, least_bound_s, relax
from joulecut_planner.constraints import TOLERANCE, keeps_accuracy
from joulecut_planner.frontier import Frontier, Nearest
from joulecut_planner.grids import Array, Grids, Indices, grids_of
from joulecut_planner.groups import Groups, edge_part, groups_of, price_many, server_part
from joulecut_planner.pricing import Choice, Crossing, Part

_PRICE_STEPS = 8
"""Steps of the Lagrangian; a frontier of tens of clocks rarely needs more than four."""

_ALL = slice(None)


@dataclass(slots=True)
class _Count:
    priced: int = 0


def solve(problem: Problem) -> Plan:
    """The feasible choice with the least J over all choices; the nearest one, "infeasible", where there is none.

    Exact: equal to pricing every choice, with the contract's tolerance and ties. Raises ProblemError
    where the problem's numbers overflow.
    """
    started_s = time.perf_counter()
    grids = grids_of(problem)
    count = _Count()
    # Finite inputs may overflow in products; the answer is checked to be finite.
    with np.errstate(over="ignore", invalid="ignore"):
        choice = _cheapest(problem, grids, count) or _nearest(problem, grids, count)
    evaluated = min(count.priced, _choices(problem))
    return plan_for(problem, choice, evaluated=evaluated, solve_s=time.perf_counter() - started_s)


def _choices(problem: Problem) -> int:
    edge_points, server_points = len(problem.edge.points), len(problem.server.points)
    wires = sum(len(cut.wires) for cut in problem.cuts[:-1])
    return len(problem.variants) * edge_points * (1 + wires * server_points)


def _cheapest(problem: Problem, grids: Grids, count: _Count) -> Choice | None:
    frontier = Frontier()
    _price_edge_only(problem, grids, frontier, count, feasible_only=True)
    groups = groups_of(problem, grids, keep_rate=True)
    if len(groups):
        relaxation = relax(problem, grids, groups)
        search = _Search(problem, grids, groups, relaxation, frontier, count, _rounding_j(problem, grids))
        search.run()
    return frontier.best()


def _rounding_j(problem: Problem, grids: Grids) -> float:
    """How far J's terms may be off where large ones cancel: waiting over H against waiting saved while computing."""
    if problem.slo.rate_hz is None:
        return 0.0
    objective = problem.objective
    waiting_w = objective.edge_weight * float(grids.wait_w.max())
    idling_w = objective.server_weight * objective.server_idle_share * float(grids.idle_w.max())
    return 1e-12 * (waiting_w + idling_w) / problem.slo.rate_hz


@dataclass(frozen=True, slots=True)
class _Bracket:
    """For some groups, the relaxed J and excess over the deadline of the best pair known on either side of it."""

    groups: Indices
    slow_j: Array
    slow_s: Array
    fast_j: Array
    fast_s: Array

    def is_open(self) -> NDArray[np.bool_]:
        """Whether being slower still saves energy, so that a price between the two makes sense."""
        return (self.slow_j < self.fast_j) & (self.fast_s < self.slow_s)

    def price_w(self) -> Array:
        """The price of lateness (J/s) at which both pairs are as good."""
        return (self.fast_j - self.slow_j) / (self.slow_s - self.fast_s)

    def only(self, kept: NDArray[np.bool_]) -> _Bracket:
        """The same for some of the groups."""
        return _Bracket(self.groups[kept], self.slow_j[kept], self.slow_s[kept], self.fast_j[kept], self.fast_s[kept])

    def tightened(self, picks: Picks, bound_j: Array, price_w: Array) -> _Bracket:
        """With `picks` in place of the pair on their side, where they lie below the line through both."""
        line_j = self.slow_j + price_w * self.slow_s
        below = bound_j < line_j - TOLERANCE * np.abs(self.slow_j)
        slow = picks.excess_s > 0.0
        return _Bracket(
            self.groups,
            np.where(slow, picks.energy_j, self.slow_j),
            np.where(slow, picks.excess_s, self.slow_s),
            np.where(slow, self.fast_j, picks.energy_j),
            np.where(slow, self.fast_s, picks.excess_s),
        ).only(below)


@dataclass(slots=True)
class _Search:
    problem: Problem
    grids: Grids
    groups: Groups
    relaxation: Relaxation
    frontier: Frontier
    count: _Count
    rounding_j: float

    def run(self) -> None:
        """Offer every choice of the groups that may be the plan to the frontier."""
        lower_j, price_w = self._bound()
        for group in np.argsort(lower_j, kind="stable").tolist():
            # An infinite bound: no pair of clocks keeps deadline and rate.
            if not (np.isfinite(lower_j[group]) and lower_j[group] <= self._ceiling_j(float(price_w[group]))):
                break
            self._price_grid(group, float(price_w[group]))

    def _ceiling_j(self, price_w: float) -> float:
        """No choice above this can be the plan; widened by the rounding of the bounds."""
        least_j = self.frontier.least_j
        late_j = 0.0 if self.problem.slo.latency_s is None else 1e-12 * price_w * self.problem.slo.latency_s
        return least_j + 3.0 * TOLERANCE * abs(least_j) + self.rounding_j + late_j

    def _bound(self) -> tuple[Array, Array]:
        """For each group the best lower bound on J and the price of lateness (J/s) that gave it."""
        everything = np.arange(len(self.groups))
        cheap = self.relaxation.cheapest(everything, None)
        lower_j, price_w = cheap.energy_j.copy(), np.zeros(len(self.groups))
        self._price_pairs(everything, cheap.edge_point, cheap.server_point)
        late = np.flatnonzero((cheap.excess_s > 0.0) & (lower_j <= self._ceiling_j(0.0)))
        if late.size:
            fast = self.relaxation.fastest(late)
            hopeless = ~((fast.excess_s <= 0.0) & np.isfinite(fast.energy_j))
            lower_j[late[hopeless]] = np.inf
            self._price_pairs(late, fast.edge_point, fast.server_point)
            bracket = _Bracket(late, cheap.energy_j[late], cheap.excess_s[late], fast.energy_j, fast.excess_s)
            self._raise_prices(bracket, lower_j, price_w)
        return lower_j, price_w

    def _raise_prices(self, bracket: _Bracket, lower_j: Array, price_w: Array) -> None:
        """Tighten `lower_j` and `price_w`, in place, of the groups whose cheapest pair is too slow."""
        for _ in range(_PRICE_STEPS):
            alive = (lower_j[bracket.groups] <= self._ceiling_j(0.0)) & bracket.is_open()
            bracket = bracket.only(alive)
            groups = bracket.groups
            if not groups.size:
                return
            price = bracket.price_w()
            picks = self.relaxation.cheapest(groups, price)
            bound_j = picks.energy_j + price * picks.excess_s
            higher = bound_j > lower_j[groups]
            lower_j[groups[higher]] = bound_j[higher]
            price_w[groups[higher]] = price[higher]
            self._price_pairs(groups, picks.edge_point, picks.server_point)
            bracket = bracket.tightened(picks, bound_j, price)

    def _price_pairs(self, groups: Indices, edge_point: Indices, server_point: Indices) -> None:
        row = self.groups.row[groups]
        costs = price_many(
            self.problem,
            edge_part(self.grids, row, edge_point),
            server_part(self.grids, row, server_point),
            self.groups.crossing_of(groups),
        )
        self.count.priced += groups.size
        least_j = float(costs.energy_j[costs.feasible].min(initial=np.inf))
        # The pair is priced again with its grid if it can still be the plan; here it only lowers the ceiling.
        self.frontier.least_j = min(self.frontier.least_j, least_j)

    def _price_grid(self, group: int, price_w: float) -> None:
        rows, columns = self.relaxation.survivors(group, price_w, self._ceiling_j(price_w))
        row = int(self.groups.row[group])
        costs = price_many(
            self.problem,
            _column(edge_part(self.grids, row, rows)),
            server_part(self.grids, row, columns),
            self.groups.crossing_at(group),
        )
        self.count.priced += costs.energy_j.size
        kept = np.flatnonzero(costs.feasible.ravel())
        indices = _group_indices(self.groups, group, rows[kept // columns.size], columns[kept % columns.size])
        self.frontier.offer(costs.energy_j.ravel()[kept], costs.bound_s.ravel()[kept], indices)


def _nearest(problem: Problem, grids: Grids, count: _Count) -> Choice | None:
    """The least T_q among the allowed choices within the accuracy budget, rate and deadline ignored."""
    nearest = Nearest()
    _price_edge_only(problem, grids, nearest, count, feasible_only=False)
    groups = groups_of(problem, grids, keep_rate=False)
    if not len(groups):
        return nearest.best()
    lower_s = least_bound_s(problem, grids, groups)
    for group in np.argsort(lower_s, kind="stable").tolist():
        if not lower_s[group] <= nearest.bound_s * (1.0 + TOLERANCE):
            break
        row = int(groups.row[group])
        crossing = groups.crossing_at(group)
        costs = price_many(problem, _column(edge_part(grids, row, _ALL)), server_part(grids, row, _ALL), crossing)
        count.priced += costs.energy_j.size
        points = np.arange(costs.energy_j.size)
        columns = len(grids.idle_w)
        indices = _group_indices(groups, group, points // columns, points % columns)
        nearest.offer(costs.energy_j.ravel(), costs.bound_s.ravel(), indices)
    return nearest.best()


def _price_edge_only(
    problem: Problem, grids: Grids, best: Frontier | Nearest, count: _Count, *, feasible_only: bool
) -> None:
    last = grids.cuts - 1
    if not problem.cuts[last].allowed:
        return
    for v, variant in enumerate(problem.variants):
        if not keeps_accuracy(problem, variant.accuracy_loss):
            continue
        costs = price_many(problem, edge_part(grids, v * grids.cuts + last, _ALL), Part(), Crossing())
        count.priced += costs.energy_j.size
        kept = np.flatnonzero(costs.feasible) if feasible_only else np.arange(costs.energy_j.size)
        same = np.zeros_like(kept)
        best.offer(costs.energy_j[kept], costs.bound_s[kept], (same + last, same, same + v, kept, same - 1))


def _group_indices(groups: Groups, group: int, edge_point: Indices, server_point: Indices) -> tuple[Indices, ...]:
    same = np.zeros_like(edge_point)
    return (
        same + groups.cut[group],
        same + groups.wire[group],
        same + groups.variant[group],
        edge_point,
        server_point,
    )


def _column(part: Part) -> Part:
    """The same numbers along the first axis, so that the other side's run along the second."""
    return Part(
        time_s=np.asarray(part.time_s)[:, None],
        std_s=np.asarray(part.std_s)[:, None],
        busy_w=np.asarray(part.busy_w)[:, None],
        idle_w=np.asarray(part.idle_w)[:, None],
    )
