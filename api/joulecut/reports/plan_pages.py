"""Reports of saved answers of the planner, of whose problem nothing is known any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.document import Report, Section
from joulecut.reports.figures.front import front_chart
from joulecut.reports.plan_report import (
    KIND,
    both_sides_j,
    cost_section,
    plan_table,
    policies_table,
    verdict,
)
from joulecut_core.carbon import CarbonTerms
from joulecut_core.plans import Plan

_LEAD = (
    "A saved answer of the planner. Every figure is estimated: computed from a problem's tables by the formulas of the "
    "planning contract. Blocks and clocks need the problem: give that in place of the answer to see them."
)


def saved_plan_report(
    plan: Plan, others: Mapping[str, Plan] | None = None, *, carbon: CarbonTerms | None = None
) -> Report:
    """The report of one plan; `others` by what they do differently, where they were saved with it."""
    if plan.breakdown is None:
        return Report(title="A plan", lead=_LEAD, sections=(Section(title="The plan", blocks=(verdict(plan),)),))
    sections = [
        Section(title="The plan", blocks=(verdict(plan), plan_table(plan))),
        cost_section(plan, plan.breakdown),
    ]
    if others:
        choices = {"joint": plan, **others}
        chart = front_chart((), choices, deadline_s=None, kind=KIND)
        sections.append(Section(title="The best choice with another ...", blocks=(chart, policies_table(choices))))
    if carbon is not None:
        scope = plan.power_scopes.of_sum(server=plan.server_clock is not None)
        sections.append(carbon_section({"the plan": both_sides_j(plan)}, carbon, kind=KIND, scope=scope))
    return Report(title=f"A plan: cut {plan.cut} ({plan.cut_name})", lead=_LEAD, sections=tuple(sections))


def saved_front_report(front: Sequence[Plan], *, carbon: CarbonTerms | None = None) -> Report:
    """The report of an energy-latency front."""
    plans = {f"step {number}": plan for number, plan in enumerate(front, start=1)}
    chart = front_chart(front, {}, deadline_s=None, kind=KIND)
    blocks = (chart, policies_table(plans)) if plans else ("Infeasible: nothing keeps rate and accuracy.",)
    sections = [Section(title="The front, fastest first", blocks=blocks)]
    if carbon is not None and plans:
        energies_j = {name: both_sides_j(plan) for name, plan in plans.items()}
        scope = front[0].power_scopes.of_sum()
        sections.append(carbon_section(energies_j, carbon, kind=KIND, scope=scope))
    return Report(title=f"Energy-latency front of {len(front)} plans", lead=_LEAD, sections=tuple(sections))
