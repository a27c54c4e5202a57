"""Fleet plans as a person reads them."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from joulecut.commands.plain_text import plain
from joulecut.commands.plan_tables import clock, milli
from joulecut.commands.whole_tables import print_whole
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import OPTIMAL
from joulecut_planner.choices.answers import clock_of


def show_fleet_plan(fleet: Fleet, plan: FleetPlan, console: Console) -> None:
    """One line for each edge, what the fleet draws and what it draws at least, and who is left out."""
    if plan.status == OPTIMAL:
        print_whole(console, _edges(plan))
        print_whole(console, _total(fleet, plan))
    else:
        console.print("[bold]infeasible[/bold]: the edges that are feasible alone cannot be served together")
    for rejected in plan.rejected:
        console.print(f"rejected: {plain(rejected.name)}: {plain(rejected.reason)}", highlight=False)


def _edges(plan: FleetPlan) -> Table:
    title = f"fleet: {len(plan.edges)} edges planned, {len(plan.rejected)} rejected"
    table = Table(title=title, box=None, pad_edge=False)
    for header in ("edge", "cut", "codec", "edge MHz"):
        table.add_column(header)
    for header in ("uplink Mbit/s", "ms", "mJ"):
        table.add_column(header, justify="right")
    for edge in plan.edges:
        table.add_row(
            plain(edge.name),
            plain(f"{edge.plan.cut} {edge.plan.cut_name}"),
            plain(edge.plan.codec or ""),
            clock(edge.plan.edge_clock).removesuffix(" MHz"),
            f"{edge.uplink_bps / 1e6:.4g}" if edge.uplink_bps else "",
            milli(edge.plan.latency_bound_s),
            milli(edge.plan.energy_j),
        )
    return table


def _total(fleet: Fleet, plan: FleetPlan) -> Table:
    points = fleet.edges[0].problem.server.points
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    table.add_row("server clock", clock(None if plan.server_point is None else clock_of(points[plan.server_point])))
    table.add_row("power, weighted", f"{plan.power_w:.3f} W")
    table.add_row("no plan draws less than", f"{plan.lower_bound_w:.3f} W")
    table.add_row("gap", f"{100 * (plan.gap or 0.0):.4f} %")
    return table
