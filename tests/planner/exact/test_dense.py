"""The vectorised exhaustive solver is an oracle: equal to pricing one by one, and to the fast solver at full size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem, Slo
from joulecut_planner.exact.dense import solve_densely
from joulecut_planner.exact.oracle import solve_exhaustively
from joulecut_planner.exact.solver import solve
from tests.planner.adversarial_problems import adversarial_problems
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.thoroughness import examples


def answer(plan: Plan) -> Plan:
    """The plan without how it was found."""
    return replace(plan, evaluated=0, solve_s=0.0)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_equals_one_by_one(problem: Problem) -> None:
    """Whole grids at once give the very same plan as choice by choice, to the last bit."""
    assert answer(solve_densely(problem)) == answer(solve_exhaustively(problem))


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems())
def test_equals_one_by_one_where_it_is_hard(problem: Problem) -> None:
    """The same on bounds met within tolerance, near ties, and numbers of other magnitudes."""
    assert answer(solve_densely(problem)) == answer(solve_exhaustively(problem))


@pytest.mark.parametrize(
    "slo",
    [
        None,
        Slo(latency_s=0.04),
        Slo(latency_s=0.03, quantile=0.95, margin="gaussian", rate_hz=20.0),
        Slo(rate_hz=30.0),
        Slo(latency_s=0.002, quantile=0.99, rate_hz=10.0),
    ],
)
def test_the_fast_solver_equals_it_at_full_size(slo: Slo | None) -> None:
    """161 cuts, 2 codecs, 56 x 110 clocks: two million choices, and the fast solver finds the same one."""
    problem = drawn_problem(8, cuts=161, edge_points=56, server_points=110, slo=slo)
    assert answer(solve(problem)) == answer(solve_densely(problem))


def test_every_choice_is_counted() -> None:
    """Priced is every allowed choice: all of them here."""
    problem = drawn_problem(1, cuts=5, edge_points=6, server_points=7, slo=Slo())
    plan = solve_densely(problem)
    assert plan.status == OPTIMAL
    assert plan.evaluated == 6 + 4 * 2 * 6 * 7
