"""`joulecut plan`: the exact plan of a problem file."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut_core.clocks import OperatingPoint
from joulecut_core.exits import ExitCode
from joulecut_core.plans import OPTIMAL, Breakdown, Plan
from joulecut_planner import load_problem, plan_document, solve

_STAGES = (
    ("edge part", "t_edge"),
    ("encode", "encode_s"),
    ("uplink", "t_up"),
    ("round trip", "rtt_s"),
    ("decode", "decode_s"),
    ("server part", "t_server"),
    ("downlink", "t_down"),
)
_SHARES = (
    ("edge computing", "edge_busy_j"),
    ("edge waiting", "edge_wait_j"),
    ("encode", "encode_j"),
    ("radio", "radio_j"),
    ("server computing", "server_busy_j"),
    ("decode", "decode_j"),
    ("server idling", "server_idle_j"),
)


def plan(
    problem: Annotated[Path, typer.Argument(help="A planning problem, joulecut.problem/1 as JSON.")],
    json: Annotated[bool, typer.Option("--json", help="Print joulecut.plan/1 as JSON.")] = False,
) -> None:
    """Find the cut, wire and clocks that cost the fewest joules; exit 3 where nothing keeps the constraints."""
    answer = solve(load_problem(problem))
    if json:
        typer.echo(json_format.dumps(plan_document(answer), indent=1, allow_nan=False))
    else:
        _show(answer, Console())
    if answer.status != OPTIMAL:
        raise typer.Exit(int(ExitCode.INFEASIBLE))


def _show(answer: Plan, console: Console) -> None:
    if answer.breakdown is None:
        console.print("[bold]infeasible[/bold]: no allowed choice keeps the accuracy budget")
        return
    console.print(_choice(answer))
    console.print(_listing("seconds", "ms", answer.breakdown, _STAGES))
    console.print(_listing("energy", "mJ", answer.breakdown, _SHARES))
    if answer.status == OPTIMAL:
        console.print(f"binding: {', '.join(answer.binding) or 'nothing'}")
    else:
        console.print(f"infeasible; the nearest choice violates: {', '.join(answer.binding)}")


def _choice(answer: Plan) -> Table:
    scopes = answer.power_scopes
    table = Table(title=f"plan: {answer.status}", show_header=False)
    table.add_column()
    table.add_column()
    table.add_row("cut", escape(f"{answer.cut} ({answer.cut_name})"))
    table.add_row("codec", escape(answer.codec or ""))
    table.add_row("variant", escape(answer.variant or ""))
    table.add_row("edge clock", _clock(answer.edge_clock))
    table.add_row("server clock", _clock(answer.server_clock))
    table.add_row("latency, mean", _milli(answer.latency_s, "ms"))
    table.add_row("latency, bound", _milli(answer.latency_bound_s, "ms"))
    table.add_row("energy, weighted", _milli(answer.energy_j, "mJ"))
    table.add_row(escape(f"energy, edge ({scopes.edge or 'scope unknown'})"), _milli(answer.edge_energy_j, "mJ"))
    table.add_row(escape(f"energy, server ({scopes.server or 'scope unknown'})"), _milli(answer.server_energy_j, "mJ"))
    table.add_row("choices priced", f"{answer.evaluated} in {1e3 * answer.solve_s:.2f} ms")
    return table


def _listing(title: str, unit: str, breakdown: Breakdown, rows: tuple[tuple[str, str], ...]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, name in rows:
        table.add_row(label, _milli(getattr(breakdown, name), unit))
    return table


def _clock(point: OperatingPoint | None) -> str:
    return "not used" if point is None else str(point)


def _milli(value: float | None, unit: str) -> str:
    return "" if value is None else f"{1e3 * value:.3f} {unit}"
