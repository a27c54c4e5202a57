"""Which bounds decide a plan: those without which a cheaper choice would have been taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import ACCURACY, LATENCY, TOLERANCE, keeps_accuracy
from joulecut_planner.exact.solver import solve
from joulecut_planner.explanations.explain import explain
from joulecut_planner.explanations.explanation import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Why the best plan of a problem is the best, and the bounds of deadline and accuracy that decide it."""

    explanation: Explanation
    deciding: frozenset[str]


def study(problem: Problem) -> Study:
    """The study of `problem`; takes milliseconds to seconds. Raises JoulecutError where it cannot be explained."""
    explanation = explain(problem)
    deciding = set[str]()
    if explanation.deadline_price.later is not None:
        deciding.add(LATENCY)
    if _accuracy_decides(problem, explanation):
        deciding.add(ACCURACY)
    return Study(explanation=explanation, deciding=frozenset(deciding))


def _accuracy_decides(problem: Problem, explanation: Explanation) -> bool:
    """Whether some choice that loses more than is allowed would cost less and keep every other bound."""
    plan = explanation.plan
    most = max(variant.accuracy_loss for variant in problem.variants) + max(
        wire.accuracy_loss for cut in problem.cuts for wire in cut.wires
    )
    if keeps_accuracy(problem, most) or plan.status != OPTIMAL or plan.energy_j is None:
        return False
    freed = solve(replace(problem, max_accuracy_loss=most))
    return freed.energy_j is not None and freed.energy_j < plan.energy_j * (1.0 - TOLERANCE)
