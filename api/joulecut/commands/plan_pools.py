"""Plans of pools (fleets of version 2) as a person reads them."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from joulecut.commands.plain_text import plain
from joulecut.commands.plan_tables import clock, milli
from joulecut.commands.whole_tables import print_whole
from joulecut_core.plans import OPTIMAL
from joulecut_core.pool_plans import PoolPlan, ServerState


def show_pool_plan(plan: PoolPlan, console: Console) -> None:
    """One line for each server and each edge, what the pool draws and what it draws at least, and who is left out."""
    if plan.status == OPTIMAL:
        print_whole(console, _servers(plan))
        print_whole(console, _edges(plan))
        print_whole(console, _total(plan))
    else:
        console.print("[bold]infeasible[/bold]: the edges that are feasible alone cannot be served together")
    for rejected in plan.rejected:
        console.print(f"rejected: {plain(rejected.name)}: {plain(rejected.reason)}", highlight=False)


def _servers(plan: PoolPlan) -> Table:
    parked = sum(server.state is ServerState.PARKED for server in plan.servers)
    table = Table(title=f"servers: {len(plan.servers)}, {parked} parked", box=None, pad_edge=False)
    for header in ("server", "state", "server MHz"):
        table.add_column(header)
    for header in ("edges", "busy %", "W"):
        table.add_column(header, justify="right")
    for server in plan.servers:
        table.add_row(
            plain(server.name),
            server.state.value,
            "" if server.server_clock is None else clock(server.server_clock).removesuffix(" MHz"),
            str(server.edges or ""),
            f"{100 * server.server_utilisation:.1f}" if server.edges else "",
            f"{server.power_w:.1f}",
        )
    return table


def _edges(plan: PoolPlan) -> Table:
    title = f"edges: {len(plan.edges)} planned, {len(plan.rejected)} rejected"
    table = Table(title=title, box=None, pad_edge=False)
    for header in ("edge", "server", "cut", "codec", "edge MHz"):
        table.add_column(header)
    for header in ("uplink Mbit/s", "ms", "mJ"):
        table.add_column(header, justify="right")
    for edge in plan.edges:
        table.add_row(
            plain(edge.name),
            plain(edge.server or ""),
            plain(f"{edge.plan.cut} {edge.plan.cut_name}"),
            plain(edge.plan.codec or ""),
            clock(edge.plan.edge_clock).removesuffix(" MHz"),
            f"{edge.uplink_bps / 1e6:.4g}" if edge.uplink_bps else "",
            milli(edge.plan.latency_bound_s),
            milli(edge.plan.energy_j),
        )
    return table


def _total(plan: PoolPlan) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    table.add_row("power, weighted", f"{plan.power_w:.3f} W")
    table.add_row("of it idle and parked servers", f"{sum(one.counted_idle_w for one in plan.servers):.3f} W")
    table.add_row("no plan draws less than", f"{plan.lower_bound_w:.3f} W")
    table.add_row("gap", f"{100 * (plan.gap or 0.0):.4f} %")
    return table
