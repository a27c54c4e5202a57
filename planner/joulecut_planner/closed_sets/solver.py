"""The plan of least J over all closed sets of a graph of blocks, wires and both clocks.

Where the closed sets can be listed, each becomes a cut of an ordinary problem, and the ordinary exact solver
proves the optimum. Where there are too many, minimum cuts name the promising ones (`search`), the exact solver
plans over these, and the answer carries a proved lower bound. Either way all prefixes of the graph's order and
DADS's set are among the candidates, so neither is ever better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.closed_sets.cut_problem import cut_problem
from joulecut_planner.closed_sets.dads import dads_cut
from joulecut_planner.closed_sets.dag_problem import DagProblem
from joulecut_planner.closed_sets.enumeration import closed_sets, mask_of, members_of, prefixes
from joulecut_planner.closed_sets.search import promising_sets
from joulecut_planner.exact.solver import solve

MOST_SETS = 10_000
"""Closed sets that are listed and planned over exactly: a second or two with two wires and a hundred clocks."""

MOST_CUTS = 1_000
"""Minimum cuts spent where there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """A plan and the closed set behind it. `blocks` is None where the plan describes no choice.

    `plan.cut` counts the sets that were planned over; `blocks` says which one it is.
    """

    plan: Plan
    blocks: frozenset[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DagPlan:
    """The best closed set with both clocks, beside the best prefix and DADS's set.

    `lower_bound_j`: proved, no feasible choice costs less; None where none is known to exist. `crossing`: names
    of the tensors that cross. `sets`: closed sets planned over; all of them where `exhaustive`.
    """

    best: SetPlan
    prefix: SetPlan
    dads: SetPlan
    crossing: tuple[str, ...]
    sets: int
    exhaustive: bool
    lower_bound_j: float | None

    @property
    def gap(self) -> float | None:
        """How far above the lower bound the plan may be, as a share of its J; 0 where it is proved optimal."""
        energy_j = _feasible_j(self.best)
        if energy_j is None or self.lower_bound_j is None:
            return None
        return (energy_j - self.lower_bound_j) / energy_j if energy_j > 0.0 else 0.0

    @property
    def saving_over_prefix(self) -> float | None:
        """The share of J that the best prefix costs more; None where one of them keeps no SLO."""
        return _saving(self.best, self.prefix)

    @property
    def saving_over_dads(self) -> float | None:
        """The share of J that DADS's choice costs more; None where one of them keeps no SLO."""
        return _saving(self.best, self.dads)


def solve_dag(problem: DagProblem, *, most_sets: int = MOST_SETS, most_cuts: int = MOST_CUTS) -> DagPlan:
    """The closed set and both clocks of least J under the problem's SLO.

    Proved optimal where the graph has at most `most_sets` closed sets; else over candidates from up to about
    `most_cuts` minimum cuts, with `gap`. Without a feasible choice the plan is the nearest of those planned
    over. Raises ProblemError where a number is out of range.
    """
    prefix, dads = best_prefix(problem), dads_plan(problem)
    masks = closed_sets(problem.graph, most=most_sets)
    exhaustive, bound_j = masks is not None, np.inf
    if masks is None:
        known_j = min((j for j in map(_feasible_j, (prefix, dads)) if j is not None), default=np.inf)
        found = promising_sets(problem, known_j=known_j, most_cuts=most_cuts)
        candidates = {*found.masks, *prefixes(problem.graph), mask_of(dads.blocks or ())}
        masks, bound_j = _in_order(candidates), found.bound_j
    best = _best(problem, masks)
    energy_j = _feasible_j(best)
    lower_bound_j: float | None
    if energy_j is not None:
        lower_bound_j = min(bound_j, energy_j)
    else:
        lower_bound_j = bound_j if not exhaustive and np.isfinite(bound_j) else None
    crossing = () if best.blocks is None else problem.graph.crossing(best.blocks)
    return DagPlan(
        best=best,
        prefix=prefix,
        dads=dads,
        crossing=tuple(tensor.name for tensor in crossing),
        sets=len(masks),
        exhaustive=exhaustive,
        lower_bound_j=lower_bound_j,
    )


def best_prefix(problem: DagProblem) -> SetPlan:
    """The plan of least J over the prefixes of the graph's order: what a planner of a line of blocks finds."""
    return _best(problem, prefixes(problem.graph))


def dads_plan(problem: DagProblem) -> SetPlan:
    """DADS's choice at its own clocks, priced by the contract; "infeasible" where it breaks a constraint."""
    cut = dads_cut(problem)
    masks = _in_order({0, cut.mask, mask_of(problem.graph.everything)})
    plan = plan_for(cut_problem(problem, masks), cut.choice(masks), evaluated=1, solve_s=0.0)
    return SetPlan(plan=plan, blocks=members_of(cut.mask))


def _best(problem: DagProblem, masks: tuple[int, ...]) -> SetPlan:
    plan = solve(cut_problem(problem, masks))
    return SetPlan(plan=plan, blocks=None if plan.cut is None else members_of(masks[plan.cut]))


def _in_order(masks: set[int]) -> tuple[int, ...]:
    return tuple(sorted(masks, key=lambda mask: (mask.bit_count(), mask)))


def _feasible_j(plan: SetPlan) -> float | None:
    return plan.plan.energy_j if plan.plan.status == OPTIMAL else None


def _saving(best: SetPlan, other: SetPlan) -> float | None:
    best_j, other_j = _feasible_j(best), _feasible_j(other)
    if best_j is None or other_j is None:
        return None
    return 1.0 - best_j / other_j if other_j > 0.0 else 0.0
