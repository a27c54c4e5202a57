"""joulecut's own plan as one of the table's rows."""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.exact.solver import solve


def joint(problem: Problem) -> Decision:
    """Cut, wire, variant and both clocks together, exactly."""
    plan = solve(problem)
    return Decision(choice=None if plan.cut is None else choice_of(problem, plan), evaluated=plan.evaluated)
