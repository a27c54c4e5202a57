"""The plans that an edge may change between by itself, as its switcher sees them: what each takes at any uplink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.errors import PlanError
from joulecut_core.problems import Problem
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.choices.variations import with_uplink
from joulecut_planner.switching import Contender, contender_of
from joulecut_proto.planning_messages import Band


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyPlan:
    """One of them. `band` is None for the edge's own plan, where the server's know none without a link."""

    choice: Choice
    contender: Contender
    band: Band | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyPlans:
    """All that belong to one planning request, each choice once, and the problem they were chosen from."""

    problem: Problem
    plans: tuple[StandbyPlan, ...]

    @classmethod
    def of(cls, problem: Problem, bands: Sequence[Band], local: ActivePlan) -> StandbyPlans:
        """Those of a server's bands, and the edge's own where none of them stays on the edge.

        Raises PlanError where a band's plan is none of the problem's.
        """
        plans: dict[Choice, StandbyPlan] = {}
        for band in bands:
            if band.assignment is not None:
                choice = choice_of(with_uplink(problem, band.lowest_bps), band.plan)
                contender = contender_of(problem, choice)
                plans.setdefault(choice, StandbyPlan(choice=choice, contender=contender, band=band))
        if all(choice.server_point is not None for choice in plans):
            choice = _alone(problem, local)
            plans[choice] = StandbyPlan(choice=choice, contender=contender_of(problem, choice), band=None)
        return cls(problem=problem, plans=tuple(plans.values()))

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """What the switcher chooses among, in the order of `plans`."""
        return tuple(each.contender for each in self.plans)

    def index_of(self, active: ActivePlan) -> int | None:
        """Which of them is carried out by a plan in force; None where it is none of them."""
        for index, each in enumerate(self.plans):
            assignment = None if each.band is None else each.band.assignment
            if assignment is None and not active.offloads:
                return index
            if assignment is not None and assignment.epoch == active.assignment.epoch:
                return index
        return None

    def priced(self, index: int, active: ActivePlan, uplink_bps: float) -> ActivePlan:
        """The plan as it is on such an uplink: what it is expected to take, and what its link is taken for."""
        if active.link is None:
            return active
        there = with_uplink(self.problem, uplink_bps)
        plan = plan_for(there, self.plans[index].choice, evaluated=active.plan.evaluated, solve_s=active.plan.solve_s)
        return replace(active, plan=plan, link=replace(active.link, uplink_bps=uplink_bps))


def _alone(problem: Problem, local: ActivePlan) -> Choice:
    """The edge's own plan among a problem's choices: at its clock, or at the fastest under the board's governor."""
    clock, points = local.assignment.edge_clock, problem.edge.points
    indices = range(len(points))
    if clock is None:
        point = max(indices, key=lambda index: (points[index].memory_mhz or 0.0, points[index].core_mhz))
    else:
        wanted = (clock.core_mhz, clock.memory_mhz)
        known = (index for index in indices if (points[index].core_mhz, points[index].memory_mhz) == wanted)
        found = next(known, None)
        if found is None:
            raise PlanError(f"the edge's own plan runs at {clock}; expected a clock of the problem: plan again")
        point = found
    return Choice(cut=len(problem.cuts) - 1, wire=0, variant=0, edge_point=point, server_point=None)
