"""Plans, fronts and policy tables as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from joulecut.commands.plain_text import plain
from joulecut.commands.whole_tables import print_whole
from joulecut_core.clocks import OperatingPoint
from joulecut_core.plans import OPTIMAL, Breakdown, Plan
from joulecut_planner.uplinks.policy_table import PolicyRow, PolicyTable

STAGES = (
    ("edge part", "t_edge"),
    ("encode", "encode_s"),
    ("uplink", "t_up"),
    ("round trip", "rtt_s"),
    ("decode", "decode_s"),
    ("server part", "t_server"),
    ("downlink", "t_down"),
)
"""The seconds of a breakdown, as they follow each other."""

SHARES = (
    ("edge computing", "edge_busy_j"),
    ("edge waiting", "edge_wait_j"),
    ("encode", "encode_j"),
    ("radio", "radio_j"),
    ("server computing", "server_busy_j"),
    ("decode", "decode_j"),
    ("server idling", "server_idle_j"),
)
"""The joules of a breakdown."""


def show_plan(plan: Plan, console: Console) -> None:
    """The choice, where its seconds and joules go, and what binds."""
    if plan.breakdown is None:
        console.print("[bold]infeasible[/bold]: no allowed choice keeps the accuracy budget")
        return
    print_whole(console, choice_table(plan))
    print_whole(console, _listing("seconds", "ms", plan.breakdown, STAGES))
    print_whole(console, _listing("energy", "mJ", plan.breakdown, SHARES))
    if plan.status == OPTIMAL:
        console.print(f"binding: {', '.join(plan.binding) or 'nothing'}")
    else:
        broken = ", ".join(plan.binding)
        console.print(f"infeasible; the nearest choice violates: {broken}; `joulecut explain` says by how much")


def show_front(plans: Sequence[Plan], console: Console) -> None:
    """One line for each step, the fastest first."""
    if not plans:
        console.print("[bold]infeasible[/bold]: no choice keeps rate and accuracy, whatever the deadline")
        return
    rows = [((milli(plan.latency_bound_s), milli(plan.energy_j)), plan) for plan in plans]
    print_whole(console, choices_table(f"energy-latency front: {len(plans)} plans", ("ms", "mJ"), rows))
    console.print(f"{plans[0].evaluated} choices priced in {1e3 * plans[0].solve_s:.1f} ms")


def show_policy_table(table: PolicyTable, console: Console) -> None:
    """One line for each row, the slowest uplink first."""
    rows = [
        ((f"{row.from_bps / 1e6:.4g}", f"{row.to_bps / 1e6:.4g}", milli(row.latency_bound_s), milli(row.energy_j)), row)
        for row in table.rows
    ]
    title = f"policy table, Mbit/s: downlink {table.downlink.value}"
    print_whole(console, choices_table(title, ("from", "to", "ms", "mJ"), rows))
    console.print("ms and mJ are those at the slow end of a row, where they are highest")


def choice_table(plan: Plan) -> Table:
    """Cut, codec, clocks, and what they cost."""
    scopes = plan.power_scopes
    table = Table(title=f"plan: {plan.status}", show_header=False)
    table.add_column()
    table.add_column()
    table.add_row("cut", plain(f"{plan.cut} ({plan.cut_name})"))
    table.add_row("codec", plain(plan.codec or ""))
    table.add_row("variant", plain(plan.variant or ""))
    table.add_row("edge clock", clock(plan.edge_clock))
    table.add_row("server clock", clock(plan.server_clock))
    table.add_row("latency, mean", milli(plan.latency_s, "ms"))
    table.add_row("latency, bound", milli(plan.latency_bound_s, "ms"))
    table.add_row("energy, weighted", milli(plan.energy_j, "mJ"))
    table.add_row(plain(f"energy, edge ({scopes.edge or 'scope unknown'})"), milli(plan.edge_energy_j, "mJ"))
    table.add_row(plain(f"energy, server ({scopes.server or 'scope unknown'})"), milli(plan.server_energy_j, "mJ"))
    table.add_row("choices priced", f"{plan.evaluated} in {1e3 * plan.solve_s:.2f} ms")
    return table


def choice_text(choice: Plan | PolicyRow) -> str:
    """A choice on one line, safe to print."""
    if choice.cut is None:
        return "infeasible"
    clocks = f"edge {clock(choice.edge_clock)}"
    if choice.server_clock is not None:
        clocks += f", server {clock(choice.server_clock)}"
    return plain(f"cut {choice.cut} ({choice.cut_name}), {choice.codec}, {choice.variant}, {clocks}")


def clock(point: OperatingPoint | None) -> str:
    """An operating point, or that there is none."""
    return "not used" if point is None else str(point)


def milli(value: float | None, unit: str = "") -> str:
    """A quantity in thousandths of its SI unit; empty where there is none."""
    return "" if value is None else f"{1e3 * value:.3f} {unit}".rstrip()


def mbit(bandwidth_bps: float) -> str:
    """A bandwidth in Mbit/s."""
    return f"{bandwidth_bps / 1e6:.4g} Mbit/s"


def _listing(title: str, unit: str, breakdown: Breakdown, rows: tuple[tuple[str, str], ...]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, name in rows:
        table.add_row(label, milli(getattr(breakdown, name), unit))
    return table


def choices_table(title: str, headers: Sequence[str], rows: Sequence[tuple[Sequence[str], Plan | PolicyRow]]) -> Table:
    """Numbers below `headers`, then a choice, in each row; the variant is shown where there are several."""
    several = len({choice.variant for _, choice in rows if choice.cut is not None}) > 1
    table = Table(title=title, box=None, pad_edge=False)
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    for header in ("cut", "codec", *(["variant"] if several else []), "edge MHz", "server MHz"):
        table.add_column(header)
    for cells, choice in rows:
        table.add_row(*cells, *_choice_cells(choice, several=several))
    return table


def _choice_cells(choice: Plan | PolicyRow, *, several: bool) -> tuple[str, ...]:
    if choice.cut is None:
        return ("infeasible",)
    return (
        plain(f"{choice.cut} {choice.cut_name}"),
        plain(choice.codec or ""),
        *([plain(choice.variant or "")] if several else []),
        clock(choice.edge_clock).removesuffix(" MHz"),
        "" if choice.server_clock is None else clock(choice.server_clock).removesuffix(" MHz"),
    )
