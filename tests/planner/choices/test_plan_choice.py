"""The indices behind a plan are found again, where names repeat too."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.errors import PlanError
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import price
from joulecut_planner.choices.selection import pick
from joulecut_planner.exact.oracle import choices
from joulecut_planner.exact.solver import solve
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems
from tests.thoroughness import examples


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=problems())
def test_the_choice_of_a_plan_is_the_one_picked(problem: Problem) -> None:
    """Two wires of one codec at a cut are told apart by what they cost, and by whether they keep the constraints."""
    choice, _ = pick(problem, choices(problem))
    if choice is not None:
        assert choice_of(problem, plan_for(problem, choice, evaluated=0, solve_s=0.0)) == choice


def test_a_plan_of_another_problem_is_refused() -> None:
    """Indices that mean something else are worse than none."""
    problem = drawn_problem(1, cuts=4, edge_points=3, server_points=3)
    plan = solve(problem)
    with pytest.raises(PlanError, match="plan this problem again"):
        choice_of(problem, replace(plan, energy_j=(plan.energy_j or 0.0) + 1.0))
    with pytest.raises(PlanError, match="plan this problem again"):
        choice_of(problem, replace(plan, cut=99))
    assert price(problem, choice_of(problem, plan)).energy_j == plan.energy_j
