"""The pick among choices that are given one by one."""

from __future__ import annotations

from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.selection import pick
from joulecut_planner.exact.oracle import choices
from joulecut_planner.exact.solver import solve
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document


def test_a_choice_without_joules_is_nobodys_pick() -> None:
    """Joules that overflow and do not count are no number; wherever they stand, the pick is the solver's plan."""
    document = small_document()
    document["objective"] = {"edge_weight": 0}
    document["slo"] = {"rate_hz": 0.1}
    document["max_accuracy_loss"] = 1.0
    document["edge"]["points"][0]["wait_w"] = 1e308
    problem = parse_problem(document)
    plan, listed = solve(problem), list(choices(problem))
    for order in (listed, listed[::-1]):
        assert pick(problem, order)[0] == choice_of(problem, plan)
