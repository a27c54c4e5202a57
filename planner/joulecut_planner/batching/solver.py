"""The batching plan: who offloads, in which batches, at which cuts, codecs and clocks.

Few edges are searched exhaustively (`subsets`), many in orders by deadline and by readiness (`orders`),
starting from what J-DOB and staying home cost; the answer then carries a proved bound and gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from joulecut_planner.batching.answers import Found, Task, answer
from joulecut_planner.batching.jdob import j_dob_runs
from joulecut_planner.batching.options import Case
from joulecut_planner.batching.orders import best_in_order
from joulecut_planner.batching.plan import BatchingPlan
from joulecut_planner.batching.problem import BatchingProblem
from joulecut_planner.batching.runs import Run
from joulecut_planner.batching.subsets import EXACT_EDGES, best_of_subsets
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array

JOINT_BATCHING = "joint-batching"


def solve_batching(problem: BatchingProblem) -> BatchingPlan:
    """The least J that the search finds: the optimum up to `EXACT_EDGES` edges, else with a proved gap.

    Never dearer than J-DOB, than serving each edge alone as this search would, or than all edges at
    home. Raises ProblemError where the problem's numbers overflow.
    """
    return answer(problem, JOINT_BATCHING, _decide)


def solve_without_batches(problem: BatchingProblem, policy: str) -> BatchingPlan:
    """As `solve_batching`, each edge alone on the server; infeasible where one that a batch would serve cannot be."""
    return answer(problem, policy, lambda task: _decide(task.without_batches()))


def _decide(task: Task) -> Found:
    singles = _decide(task.without_batches()) if len(task.case.sizes) > 1 else Found(runs=())
    best = task.cheapest([(), singles.runs, *(j_dob_runs(task.case, points) for points in task.point_sets)])
    best = _improved(task, best, _in_orders)
    if task.case.edges <= EXACT_EDGES:
        return Found(runs=_improved(task, best, _in_subsets), proved=True)
    return Found(runs=best)


_Search = Callable[[Case, list[int], Array, float], "list[list[Run] | None]"]
"""Schedules at some server points that cost less than a ceiling, given each edge's least joules."""


def _improved(task: Task, best: Sequence[Run] | None, search: _Search) -> Sequence[Run] | None:
    """The cheapest of `best` and what the search finds at each set of server points."""
    # The most promising server points first: what they cost rules others out.
    for index in sorted(range(len(task.point_sets)), key=lambda at: float(task.floors_j[at].sum())):
        points, floor_j, ceiling_j = task.point_sets[index], task.floors_j[index], task.energy_j(best)
        if float(floor_j.sum()) < ceiling_j * (1.0 - TOLERANCE):
            best = task.cheapest([best, *search(task.case, points, floor_j, ceiling_j)])
    return best


def _in_subsets(case: Case, points: list[int], floor_j: Array, ceiling_j: float) -> list[list[Run] | None]:
    return [best_of_subsets(case, points, floor_j, ceiling_j)]


def _in_orders(case: Case, points: list[int], floor_j: Array, ceiling_j: float) -> list[list[Run] | None]:
    return [best_in_order(case, points, order, floor_j, ceiling_j) for order in _orders(case)]


def _orders(case: Case) -> list[list[int]]:
    """By deadline, then by the earliest time at which anything of an edge can be ready."""
    ready_s = np.array(
        [
            min((float(each.ready_s.min()) for each in options if each.ready_s.size), default=np.inf)
            for options in case.options
        ]
    )
    due_s = case.arrival_s + case.deadline_s
    orders = [np.lexsort((ready_s, due_s)).tolist(), np.lexsort((due_s, ready_s)).tolist()]
    return orders[:1] if orders[0] == orders[1] else orders
