"""The exact energy-latency front of a problem (contract `joulecut.pareto/1`).

Cells of choices (`joulecut_planner.fronts.cells`) are bounded by a corner that is no dearer and no slower
than anything in them. A cell whose corner is beaten by a choice already priced is dropped, the others
are split, and what is left is priced. Bounds hold in floating point, so the front is that of pricing
every choice, to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import ProblemError
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import priced_plan
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Grids, Indices, grids_of
from joulecut_planner.choices.groups import Costs, Groups, edge_part, groups_of, price_many, server_part
from joulecut_planner.choices.price_lists import prices
from joulecut_planner.choices.pricing import Choice, Crossing, Part
from joulecut_planner.choices.ranks import Ranks
from joulecut_planner.choices.variations import with_deadline
from joulecut_planner.exact.bounds import relax_rows
from joulecut_planner.exact.frontier import with_ties
from joulecut_planner.fronts.cells import Cells, CellTree, Members
from joulecut_planner.fronts.hull import Hull
from joulecut_planner.fronts.point_blocks import point_blocks
from joulecut_planner.fronts.staircase import Staircase, Steps
from joulecut_planner.given_problem import expect_problem
from joulecut_planner.plan_file import plan_document

PARETO_SCHEMA = "joulecut.pareto/1"

_TOGETHER = 1 << 16
"""Cells whose choices are priced at a time: some hundred megabytes, however many are left."""


def pareto(problem: Problem, *, most: int | None = None) -> list[Plan]:
    """The exact front of J and T_q by rising T_q, `slo.latency_s` ignored, other constraints kept; empty without any.

    A feasible choice is on it if no other is as good in both and better in one; of choices equal in
    both the one of lowest indices is. `binding` never holds "latency"; `evaluated` and `solve_s`
    count the whole front's choices and seconds in each plan. Raises ProblemError where the problem's
    numbers overflow, or more than `most` plans are on the front of what has been priced; TypeError for
    what is no Problem.
    """
    expect_problem(problem)
    started_s = time.perf_counter()
    timeless = with_deadline(problem, None)
    front = front_of(timeless, most=most)
    choices = front.choices()
    with np.errstate(over="ignore", invalid="ignore"):
        costs = prices(timeless, grids_of(timeless), choices)
    solve_s = time.perf_counter() - started_s
    return [
        priced_plan(timeless, choice, cost, evaluated=front.evaluated, solve_s=solve_s)
        for choice, cost in zip(choices, costs, strict=True)
    ]


def pareto_document(plans: Sequence[Plan]) -> dict[str, object]:
    """The front as the contract's JSON object."""
    return {"schema": PARETO_SCHEMA, "plans": [plan_document(plan) for plan in plans]}


@dataclass(frozen=True, slots=True)
class Front:
    """Choices by rising T_q, equally fast ones by rising rank. `evaluated`: how many were priced to find them."""

    steps: Steps
    ranks: Ranks
    evaluated: int

    def choices(self) -> list[Choice]:
        """The choices themselves."""
        return self.ranks.choices(self.steps.rank)

    def cheapest_within(self, latency_s: float | None) -> Choice | None:
        """The contract's pick under a deadline, of a front that holds ties; None where nothing meets it."""
        steps, in_time = self.steps, len(self.steps)
        if latency_s is not None:
            in_time = int(np.searchsorted(steps.bound_s, limit(latency_s), side="right"))
        if not in_time:
            return None
        energy_j = steps.energy_j[:in_time]
        # By rising T_q, then rank: the first of those that tie is the contract's.
        first = int(np.argmax(energy_j <= with_ties(float(energy_j.min()))))
        return self.ranks.choices(steps.rank[first : first + 1])[0]


def front_of(problem: Problem, *, tolerance: float = 0.0, most: int | None = None) -> Front:
    """The front of a problem without a deadline.

    With a `tolerance` (relative) it also holds what costs no more than this above a step that is as
    fast, so that the contract's pick under any deadline is among its choices. `most`: as for `pareto`.
    """
    # Finite inputs may overflow in products and quotients; plans are checked to be finite.
    with np.errstate(over="ignore", invalid="ignore"):
        search = _Search(problem, tolerance, most)
        search.run()
    return Front(search.front(), Ranks.of(problem), search.evaluated)


class _Search:
    def __init__(self, problem: Problem, tolerance: float, most: int | None) -> None:
        self.evaluated = 0
        self._most = most
        self._problem = problem
        self._tolerance = tolerance
        self._ranks = Ranks.of(problem)
        self._found = Staircase()
        self._near: list[Steps] = []
        self._grids: Grids = grids_of(problem)
        self._groups: Groups = groups_of(problem, self._grids, keep_rate=True)

    def run(self) -> None:
        self._offer_edge_only()
        if not len(self._groups):
            return
        self._offer_hull()
        tree = CellTree(self._problem, self._groups, point_blocks(self._grids))
        cells = tree.roots()
        while True:
            cells = self._unbeaten(tree, cells)
            if not tree.has_finer(cells):
                break
            cells = tree.children(cells)
        for begin in range(0, len(cells.group), _TOGETHER):
            self._offer(tree.members(cells.only(np.arange(begin, min(begin + _TOGETHER, len(cells.group))))))

    def front(self) -> Steps:
        if self._tolerance == 0.0:
            return self._found.steps
        near = self._found.steps
        for each in self._near:
            near = near.joined(each)
        near = near.only(np.unique(near.rank, return_index=True)[1])
        near = near.only(~self._found.beats(near, self._tolerance))
        return near.only(np.lexsort((near.rank, near.bound_s)))

    def _unbeaten(self, tree: CellTree, cells: Cells) -> Cells:
        corners = tree.corners(cells, self._groups.crossing_of(cells.group))
        rank = self._rank(Members(cells.group, corners.first_edge_point, corners.first_server_point))
        steps = Steps(corners.bound_s, corners.energy_j, rank)
        kept = np.flatnonzero(~self._found.beats(steps, self._tolerance))
        self._offer(tree.samples(cells.only(kept)))
        return cells.only(kept[~self._found.beats(steps.only(kept), self._tolerance)])

    def _offer(self, members: Members) -> None:
        row = self._groups.row[members.group]
        costs = price_many(
            self._problem,
            edge_part(self._grids, row, members.edge_point),
            server_part(self._grids, row, members.server_point),
            self._groups.crossing_of(members.group),
        )
        self._take(costs, self._rank(members))

    def _offer_hull(self) -> None:
        hull = Hull(relax_rows(self._problem, self._grids, self._groups))
        for members in hull.ends():
            self._offer(members)
        for members in hull.between(self._found.steps):
            self._offer(members)

    def _offer_edge_only(self) -> None:
        last = self._grids.cuts - 1
        if not self._problem.cuts[last].allowed:
            return
        points = np.arange(len(self._grids.wait_w))
        for v, variant in enumerate(self._problem.variants):
            if keeps_accuracy(self._problem, variant.accuracy_loss):
                part = edge_part(self._grids, v * self._grids.cuts + last, points)
                costs = price_many(self._problem, part, Part(), Crossing())
                self._take(costs, self._ranks.rank(last, 0, v, points, -1))

    def _take(self, costs: Costs, rank: Indices) -> None:
        self.evaluated += len(rank)
        choices = Steps(costs.bound_s, costs.energy_j, rank).only(costs.feasible)
        self._found.offer(choices)
        if self._most is not None and len(self._found.steps) > self._most:
            raise ProblemError(f"problem: a front of more than {self._most} plans; expected at most so many")
        if self._tolerance > 0.0:
            self._near.append(choices.only(~self._found.beats(choices, self._tolerance)))

    def _rank(self, members: Members) -> Indices:
        groups, group = self._groups, members.group
        return self._ranks.rank(
            groups.cut[group], groups.wire[group], groups.variant[group], members.edge_point, members.server_point
        )
