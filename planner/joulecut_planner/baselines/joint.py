"""joulecut's own plan as one of the table's rows, and the way back from a plan to the choice it describes."""

from __future__ import annotations

from itertools import product

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.choices.constraints import keeps_accuracy
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.exact.solver import solve


def joint(problem: Problem) -> Decision:
    """Cut, wire, variant and both clocks together, exactly."""
    plan = solve(problem)
    return Decision(choice=choice_of(problem, plan), evaluated=plan.evaluated)


def choice_of(problem: Problem, plan: Plan) -> Choice | None:
    """The indices behind a plan that `solve` made for `problem`; None where the plan describes no choice.

    A plan names codec and variant. Where names repeat, price and accuracy tell them apart: among equal
    ones the solver takes the first.
    """
    if plan.cut is None or plan.edge_point is None:
        return None
    wires = [w for w, wire in enumerate(problem.cuts[plan.cut].wires) if wire.codec == plan.codec]
    variants = [v for v, variant in enumerate(problem.variants) if variant.name == plan.variant]
    named = [
        Choice(cut=plan.cut, wire=w, variant=v, edge_point=plan.edge_point, server_point=plan.server_point)
        for w, v in product(wires, variants)
    ]
    return next((choice for choice in named if _is_priced_as(problem, choice, plan)), None)


def _is_priced_as(problem: Problem, choice: Choice, plan: Plan) -> bool:
    cost = price(problem, choice)
    return keeps_accuracy(problem, cost.accuracy_loss) and (cost.breakdown, cost.latency_bound_s, cost.energy_j) == (
        plan.breakdown,
        plan.latency_bound_s,
        plan.energy_j,
    )
