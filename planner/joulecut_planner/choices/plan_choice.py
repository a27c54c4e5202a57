"""The indices behind a plan, which names its wire and variant."""

from __future__ import annotations

from joulecut_core.errors import PlanError
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.pricing import Choice


def choice_of(problem: Problem, plan: Plan) -> Choice:
    """The choice that `plan`, an answer to `problem`, describes.

    Wires and variants may share a name. Of choices that make the very same plan the first is meant, as
    in the contract's tie rule. Raises PlanError where the plan describes no choice of this problem.
    """
    if plan.cut is not None and plan.edge_point is not None and plan.cut < len(problem.cuts):
        for w, wire in enumerate(problem.cuts[plan.cut].wires):
            for v, variant in enumerate(problem.variants):
                if (wire.codec, variant.name) != (plan.codec, plan.variant):
                    continue
                choice = Choice(
                    cut=plan.cut, wire=w, variant=v, edge_point=plan.edge_point, server_point=plan.server_point
                )
                if plan_for(problem, choice, evaluated=plan.evaluated, solve_s=plan.solve_s) == plan:
                    return choice
    raise PlanError(
        f"cut {plan.cut}, codec {plan.codec!r}, variant {plan.variant!r}; "
        "expected a choice of this problem at its cost: plan this problem again"
    )
