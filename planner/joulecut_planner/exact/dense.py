"""The exhaustive solver for large problems: prices every allowed choice, a group's whole grid of clocks at once.

The oracle where `joulecut_planner.exact.oracle` takes minutes, and what a straightforward vectorised planner
costs: the same formulas, the same tie rule, no bounds. Memory is that of one group's grid.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import Groups, groups_of
from joulecut_planner.exact.frontier import Frontier, Nearest
from joulecut_planner.exact.pairs import Candidates, Pricer


def solve_densely(problem: Problem) -> Plan:
    """The contract's plan, by pricing every allowed choice; equal to `solve` but for `evaluated` and `solve_s`.

    Raises ProblemError where the problem's numbers overflow.
    """
    started_s = time.perf_counter()
    grids = grids_of(problem)
    feasible, allowed = Pricer(problem, grids), Pricer(problem, grids, feasible_only=False)
    frontier, nearest = Frontier(), Nearest()
    with np.errstate(over="ignore", invalid="ignore"):
        for candidates in _all(feasible, groups_of(problem, grids, keep_rate=True)):
            frontier.offer(candidates.energy_j, candidates.bound_s, candidates.indices)
        choice = frontier.best()
        if choice is None:
            for candidates in _all(allowed, groups_of(problem, grids, keep_rate=False)):
                nearest.offer(candidates.energy_j, candidates.bound_s, candidates.indices)
            choice = nearest.best()
    evaluated = feasible.priced + allowed.priced
    return plan_for(problem, choice, evaluated=evaluated, solve_s=time.perf_counter() - started_s)


def _all(pricer: Pricer, groups: Groups) -> Iterator[Candidates]:
    yield from pricer.at_home()
    for group in range(len(groups)):
        yield pricer.grid(groups, group)
