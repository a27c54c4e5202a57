"""The report of a simulation: what it rests on, every policy over the loads, and load by load."""

from __future__ import annotations

from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.document import Block, Items, Report, Section, Table
from joulecut.simulation.charts import overview_chart, timeline_charts
from joulecut.simulation.rows import Simulation, runs_by_load
from joulecut.simulation.views import View, about, answers_views, energy_views
from joulecut_core.carbon import CarbonTerms
from joulecut_core.power_scopes import sum_kind, sum_scope

_LEAD = (
    "A server in virtual time answers the requests of a trace under each policy. Time jumps from event to event; the "
    "policies are the objects that the live server runs, the device is its service table. Nothing here was measured "
    "while it ran: seconds and joules follow from the table's."
)
_WORDS = (
    "On time: answered by the deadline. Late: answered behind it. Rejected: turned away. Missed: late or rejected.",
    (
        "Energy is of the whole run, from time 0 until the last answer. Busy: while batches run. Idle: what the device "
        "draws between them, at the clock held. Switching: while clocks change. Without idle: busy and switching. mJ "
        "are per answer: compare policies that miss about as many, since whoever turns many away divides by fewer."
    ),
    "Response times are from a request's arrival at the server to its answer. Batch: requests in a mean batch.",
    "Decision: host seconds a policy took to decide, of the machine that simulated.",
)


def simulation_report(simulation: Simulation, *, carbon: CarbonTerms | None = None) -> Report:
    """Everything on one page; without what happened over time where the simulation does not keep it."""
    table = simulation.table
    over_time = {chart.name: chart for chart in timeline_charts(simulation)}
    sections = [
        Section(title="What it rests on", blocks=(Items(lines=about(simulation)),)),
        Section(title="Words", blocks=(Items(lines=_WORDS),)),
        Section(title="All loads", blocks=(overview_chart(simulation),)),
    ]
    for number, (answers, energy) in enumerate(
        zip(answers_views(simulation), energy_views(simulation), strict=True), start=1
    ):
        blocks: list[Block] = [_table(answers), _table(energy)]
        blocks += [chart for name, chart in over_time.items() if name == f"timeline-{number}"]
        sections.append(Section(title=answers.title, blocks=tuple(blocks)))
    if carbon is not None:
        kind = sum_kind(variant.figures for variant in table.variants).value
        scope = f"{sum_scope({'server': table.power_scope})}; the server's alone, idle time included"
        sections.append(carbon_section(_energies_j(simulation), carbon, kind=kind, scope=scope))
    return Report(title=f"Serving {table.network} on {table.device}", lead=_LEAD, sections=tuple(sections))


def _energies_j(simulation: Simulation) -> dict[str, float]:
    """Joules of an answer under each policy and load, where anybody was answered."""
    return {
        f"{run.row.policy}, {load.text}": run.row.energy_per_request_j
        for load, runs in runs_by_load(simulation).items()
        for run in runs
        if run.row.energy_per_request_j is not None
    }


def _table(view: View) -> Table:
    return Table(caption="", columns=view.columns, rows=view.rows)
