"""The demo's report: energy against latency of all policies, where the joules go, one request, other bandwidths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from joulecut.demo.charts import joules_chart, metered_chart, sweep_chart
from joulecut.demo.results import ObjectiveResult, SweepRow
from joulecut.demo.tables import POLICY_COLUMNS, SWEEP_COLUMNS, policy_row, sweep_row
from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.charts import Chart
from joulecut.reports.document import Report, Section, Table
from joulecut.reports.plan_report import pair_section
from joulecut.reports.run_report import request_section
from joulecut_core.carbon import CarbonTerms

if TYPE_CHECKING:
    from joulecut.demo.pairs import PlannedPair

_WORDS = {
    "energy_scope": "joules contain",
    "bandwidth_sweep": "other bandwidths",
    "slowdown": "wall seconds per emulated second",
}
"""Labels whose names are not words."""


def demo_report(
    results: Sequence[ObjectiveResult],
    sweep: Sequence[SweepRow] = (),
    *,
    title: str = "joulecut demo: one network on two devices",
    story: str,
    sentences: Sequence[str] = (),
    pairs: Sequence[PlannedPair] = (),
    carbon: CarbonTerms | None = None,
) -> Report:
    """Everything the demo found. `story`: the case; `sentences`: the outcome; `pairs`: problems to draw."""
    sections = [Section(title="In short", blocks=tuple(sentences))] if sentences else []
    for result in results:
        sections.append(_objective_section(result))
        sections += _request_sections(result)
        sections += _pair_sections(result.objective, pairs)
    if sweep:
        sections.append(_sweep_section(sweep))
    if carbon is not None:
        sections += [_carbon_section(result, carbon) for result in results]
    return Report(title=title, lead=story, sections=tuple(sections))


def _objective_section(result: ObjectiveResult) -> Section:
    table = Table(
        caption=f"Policies ({result.labels['energy']}; predictions estimated)",
        columns=POLICY_COLUMNS,
        rows=tuple(policy_row(policy) for policy in result.policies),
        marked=frozenset(index for index, policy in enumerate(result.policies) if policy.policy == "joint"),
    )
    return Section(
        title=f"Objective: {result.objective}",
        blocks=(_kinds(result.labels), metered_chart(result), table, joules_chart(result)),
    )


def _kinds(labels: Mapping[str, str]) -> str:
    """What kind of figures the section holds, in words."""
    said = "; ".join(f"{_WORDS.get(name, name)}: {value}" for name, value in labels.items())
    return f"{said[:1].upper()}{said[1:]}."


def _request_sections(result: ObjectiveResult) -> list[Section]:
    if result.request is None:
        return []
    kind, of = result.request.figures.value, f"the joint plan's request of median latency, {result.objective}"
    return [_renamed(request_section(result.request, kind=kind, of=of), result.objective)]


def _pair_sections(objective: str, pairs: Sequence[PlannedPair]) -> list[Section]:
    return [
        _renamed(pair_section(pair.problem, pair.plan), objective)
        for pair in pairs
        if pair.objective == objective and pair.plan.cut is not None
    ]


def _sweep_section(sweep: Sequence[SweepRow]) -> Section:
    table = Table(
        caption="mJ per request (estimated)", columns=SWEEP_COLUMNS, rows=tuple(sweep_row(row) for row in sweep)
    )
    charts = (sweep_chart(objective, sweep) for objective in dict.fromkeys(row.objective for row in sweep))
    return Section(title="The same pair at other bandwidths (planned, not run)", blocks=(*charts, table))


def _carbon_section(result: ObjectiveResult, terms: CarbonTerms) -> Section:
    energies_j = {each.policy: each.metered.edge_energy_j + each.metered.server_energy_j for each in result.policies}
    made = carbon_section(
        energies_j, terms, kind=result.labels["energy"], scope=f"{result.labels['energy_scope']}; and the radio"
    )
    return replace(made, title=f"Carbon, objective {result.objective}")


def _renamed(section: Section, objective: str) -> Section:
    """The section of one objective among others: titles and names of pictures say which."""
    blocks = tuple(
        replace(block, name=f"{block.name}-{objective}") if isinstance(block, Chart) else block
        for block in section.blocks
    )
    return replace(section, title=f"{section.title}, objective {objective}", blocks=blocks)
