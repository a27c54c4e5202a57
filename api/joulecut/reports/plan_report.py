"""The report of a planning problem: the plan, why, what others would choose, and what it costs where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from joulecut.commands.plan_explanation import reasons
from joulecut.commands.plan_tables import SHARES, STAGES, clock, milli
from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.document import Block, Items, Report, Section, Table
from joulecut.reports.figures.blocks import blocks_chart
from joulecut.reports.figures.clock_map import clock_map_chart
from joulecut.reports.figures.front import front_chart
from joulecut.reports.figures.waterfall import planned_joules, planned_seconds, waterfall_chart
from joulecut_core.carbon import CarbonTerms
from joulecut_core.figures import FigureKind
from joulecut_core.plans import OPTIMAL, Breakdown, Plan
from joulecut_core.problems import Problem
from joulecut_planner.baselines import BASELINES
from joulecut_planner.explanations.explain import explain
from joulecut_planner.explanations.explanation import Explanation
from joulecut_planner.fronts.pareto import pareto

KIND = FigureKind.ESTIMATED.value
"""A plan's figures are computed from the problem's tables, however those were obtained."""

_LEAD = (
    "The exact plan of one edge and one server: where the network is cut and which clocks both sides hold, so that a "
    "request costs the fewest joules within its constraints. Every figure on this page is estimated: computed from "
    "the problem's tables by the formulas of the planning contract."
)


def plan_report(problem: Problem, *, name: str, carbon: CarbonTerms | None = None) -> Report:
    """Everything that is known of a problem; `name` says which one. Raises ProblemError where its numbers overflow."""
    explanation = explain(problem)
    plan = explanation.plan
    front, policies = pareto(problem), policy_plans(problem)
    sections = [
        Section(title="The plan", blocks=_plan_blocks(plan)),
        Section(title="Why", blocks=_why_blocks(problem, explanation)),
        front_section(problem, front, policies),
    ]
    if plan.breakdown is not None:
        sections += [cost_section(plan, plan.breakdown), pair_section(problem, plan)]
    energies_j = {policy: both_sides_j(each) for policy, each in policies.items() if each.cut is not None}
    if carbon is not None and energies_j:
        scope = plan.power_scopes.of_sum(server=True)
        sections.append(carbon_section(energies_j, carbon, kind=KIND, scope=scope))
    return Report(title=f"Plan of {name}", lead=_LEAD, sections=tuple(sections))


def policy_plans(problem: Problem) -> dict[str, Plan]:
    """What the joint plan and every baseline choose, priced by the same formulas."""
    return {name: baseline.plan(problem) for name, baseline in BASELINES.items()}


def both_sides_j(plan: Plan) -> float:
    """Joules of a request on both sides together, unweighted; 0 where the plan describes no choice."""
    return (plan.edge_energy_j or 0.0) + (plan.server_energy_j or 0.0)


def front_section(problem: Problem, front: Sequence[Plan], policies: Mapping[str, Plan]) -> Section:
    """The front with all policies, and the policies as a table."""
    chart = front_chart(front, policies, deadline_s=problem.slo.latency_s, kind=KIND)
    return Section(title="What others would choose", blocks=(chart, policies_table(policies)))


def policies_table(policies: Mapping[str, Plan]) -> Table:
    """One row for each policy; the joint plan is marked."""
    return Table(
        caption=f"Policies, priced by the same formulas ({KIND}); mJ are weighted by the objective",
        columns=("policy", "cut", "codec", "edge MHz", "server MHz", "ms", "mJ", "edge mJ", "server mJ", "keeps"),
        rows=tuple((name, *_policy_cells(plan)) for name, plan in policies.items()),
        marked=frozenset(index for index, name in enumerate(policies) if name == "joint"),
    )


def cost_section(plan: Plan, breakdown: Breakdown, *, of: str = "the plan") -> Section:
    """One planned request: where its seconds and joules go."""
    chart = waterfall_chart(planned_seconds(breakdown), planned_joules(breakdown), what=of, kind=KIND)
    table = Table(
        caption=f"{milli(plan.latency_s, 'ms')} and, unweighted, {milli(both_sides_j(plan), 'mJ')} in all ({KIND})",
        columns=("seconds", "ms", "joules", "mJ"),
        rows=tuple(
            (stage, milli(getattr(breakdown, seconds)), share, milli(getattr(breakdown, joules)))
            for (stage, seconds), (share, joules) in zip(STAGES, SHARES, strict=True)
        ),
    )
    return Section(title="What one request costs", blocks=(chart, table))


def pair_section(problem: Problem, plan: Plan) -> Section:
    """The network block by block, and the clocks at the plan's cut."""
    charts = (blocks_chart(problem, plan, kind=KIND), clock_map_chart(problem, plan, kind=KIND))
    return Section(title="The network and the clocks", blocks=charts)


def plan_table(plan: Plan) -> Table:
    """The choice and what it costs."""
    scopes = plan.power_scopes
    rows = (
        ("status", plan.status),
        ("cut", f"{plan.cut} ({plan.cut_name})"),
        ("codec", plan.codec or ""),
        ("variant", plan.variant or ""),
        ("edge clock", clock(plan.edge_clock)),
        ("server clock", clock(plan.server_clock)),
        ("latency, mean", milli(plan.latency_s, "ms")),
        ("latency, bound", milli(plan.latency_bound_s, "ms")),
        ("energy, weighted", milli(plan.energy_j, "mJ")),
        (f"energy, edge ({scopes.edge or 'scope unknown'})", milli(plan.edge_energy_j, "mJ")),
        (f"energy, server ({scopes.server or 'scope unknown'})", milli(plan.server_energy_j, "mJ")),
        ("choices priced", f"{plan.evaluated} in {1e3 * plan.solve_s:.2f} ms"),
    )
    return Table(caption=f"The choice ({KIND})", columns=("", "chosen"), rows=rows)


def verdict(plan: Plan) -> str:
    """What binds, or what is broken, in a sentence."""
    if plan.cut is None:
        return "Infeasible: no allowed choice keeps the accuracy budget."
    if plan.status != OPTIMAL:
        return f"Infeasible: nothing keeps every constraint. The nearest choice, shown here, breaks: {_names(plan)}."
    return f"Nothing cheaper keeps the constraints. Binding: {_names(plan) or 'nothing'}."


def _names(plan: Plan) -> str:
    return ", ".join(plan.binding)


def _plan_blocks(plan: Plan) -> tuple[Block, ...]:
    return (verdict(plan),) if plan.cut is None else (verdict(plan), plan_table(plan))


def _why_blocks(problem: Problem, explanation: Explanation) -> tuple[Block, ...]:
    lines = tuple(Text.from_markup(line).plain for line in reasons(problem, explanation))
    rows = tuple(
        (
            other.aspect.value,
            _signed(other.energy_difference_j),
            _signed(other.latency_bound_difference_s),
            other.reason if other.plan is None else _choice(other.plan),
        )
        for other in explanation.alternatives
    )
    table = Table(
        caption="The best choice with another ...",
        columns=("", "mJ more", "ms more", "choice"),
        rows=tuple(tuple(cell or "" for cell in row) for row in rows),
        words=True,
    )
    return (Items(lines=lines), *((table,) if rows else ()))


def _choice(plan: Plan) -> str:
    server = "" if plan.server_clock is None else f", server {plan.server_clock}"
    return f"cut {plan.cut} ({plan.cut_name}), {plan.codec}, {plan.variant}, edge {clock(plan.edge_clock)}{server}"


def _policy_cells(plan: Plan) -> tuple[str, ...]:
    if plan.cut is None:
        return ("nothing on offer", *[""] * 8)
    return (
        f"{plan.cut} {plan.cut_name}",
        plan.codec or "",
        clock(plan.edge_clock).removesuffix(" MHz"),
        clock(plan.server_clock).removesuffix(" MHz"),
        milli(plan.latency_bound_s),
        milli(plan.energy_j),
        milli(plan.edge_energy_j),
        milli(plan.server_energy_j),
        "yes" if plan.status == OPTIMAL else f"breaks {', '.join(plan.binding)}",
    )


def _signed(value: float | None) -> str:
    return "" if value is None else f"{1e3 * value:+.3f}"
