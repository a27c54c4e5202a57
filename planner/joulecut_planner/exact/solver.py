"""The exact planner: the least J over all choices, in about as many priced choices as there are cuts.

Groups of choices are bounded from below (`bounds`), the price of lateness raised to where the bounds
are highest (`lateness`), and the pairs of clocks that are left priced (`search`). Where nothing is
feasible, the fastest choice is found by its parts (`nearest`).

Nothing is dropped that could be the plan or tie with it, so the answer is that of pricing every
choice (`joulecut_planner.exact.oracle`, `joulecut_planner.exact.dense`); property tests hold them together.
"""

from __future__ import annotations

import time

import numpy as np

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.exact.nearest import nearest
from joulecut_planner.exact.pairs import Pricer
from joulecut_planner.exact.search import cheapest
from joulecut_planner.given_problem import expect_problem


def solve(problem: Problem) -> Plan:
    """The feasible choice with the least J over all choices; the nearest one, "infeasible", where there is none.

    Exact: equal to pricing every choice, with the contract's tolerance and ties. Raises ProblemError
    where the problem's numbers overflow, TypeError for what is no Problem.
    """
    expect_problem(problem)
    started_s = time.perf_counter()
    grids = grids_of(problem)
    feasible, allowed = Pricer(problem, grids), Pricer(problem, grids, feasible_only=False)
    # Finite inputs may overflow in products; the answer is checked to be finite.
    with np.errstate(over="ignore", invalid="ignore"):
        choice = cheapest(problem, grids, feasible) or nearest(problem, grids, allowed)
    # A pair met twice is priced twice.
    evaluated = min(feasible.priced + allowed.priced, grids.choices)
    return plan_for(problem, choice, evaluated=evaluated, solve_s=time.perf_counter() - started_s)
