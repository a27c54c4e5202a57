"""The joint plan as a row of the table: the solver's plan, found again as a choice."""

from __future__ import annotations

from hypothesis import given

from joulecut_core.problems import Problem
from joulecut_planner.baselines.joint import joint
from joulecut_planner.choices.selection import pick
from joulecut_planner.exact.oracle import choices
from tests.planner.baselines.brute_force import PROPERTY
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_a_plan_is_traced_back_to_its_choice(problem: Problem) -> None:
    """Also where two wires of a cut carry the same codec name: the indices are the exhaustive solver's."""
    expected, _ = pick(problem, choices(problem))
    assert joint(problem).choice == expected
