"""The demo's tables: the same columns and cells on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from joulecut.demo.results import ObjectiveResult, PolicyResult, SweepRow
from joulecut_core.clocks import OperatingPoint

POLICY_COLUMNS = (
    "policy",
    "cut",
    "edge MHz",
    "server MHz",
    "codec",
    "p50 ms",
    "(pred.)",
    "p99 ms",
    "mJ",
    "(pred.)",
    "edge",
    "radio",
    "server",
    "missed",
    "top-1",
)
SWEEP_COLUMNS = (
    "objective",
    "Mbit/s",
    "joint plan",
    "codec",
    "edge MHz",
    "mJ",
    "all-edge",
    "all-server",
    "split saves",
)
_TEXT_COLUMNS = ("policy", "objective", "joint plan", "cut")


def policy_row(result: PolicyResult) -> tuple[str, ...]:
    """The cells of one policy's row."""
    metered, predicted = result.metered, result.predicted
    return (
        result.policy,
        f"{result.cut} {result.cut_name}",
        _clock(result.edge_clock, "governor"),
        _clock(result.server_clock, "-"),
        result.codec,
        f"{metered.latency_p50_s * 1e3:.1f}",
        f"({predicted.latency_s * 1e3:.1f})",
        f"{metered.latency_p99_s * 1e3:.1f}",
        f"{metered.energy_j * 1e3:.1f}",
        f"({predicted.energy_j * 1e3:.1f})",
        f"{(metered.edge_energy_j - metered.radio_j) * 1e3:.1f}",
        f"{metered.radio_j * 1e3:.1f}",
        f"{metered.server_energy_j * 1e3:.1f}",
        f"{result.deadline_misses}/{result.requests}",
        f"{result.top1_agreement:.0%}",
    )


def sweep_row(row: SweepRow) -> tuple[str, ...]:
    """The cells of one bandwidth's row."""
    return (
        row.objective,
        f"{row.bandwidth_bps / 1e6:g}",
        "infeasible" if row.cut is None else _place(row),
        row.codec or "-",
        _clock(row.edge_clock, "-"),
        _millijoules(row.energy_j),
        _millijoules(row.all_edge_j),
        _millijoules(row.all_server_j),
        _saving(row),
    )


def policy_table(result: ObjectiveResult) -> Table:
    """All policies of one objective, the joint plan last and marked."""
    table = _table(f"objective: {result.objective} - {result.labels['energy']} figures, per request", POLICY_COLUMNS)
    for policy in result.policies:
        style = "bold green" if policy.policy == "joint" else None if policy.keeps_slo else "dim"
        table.add_row(*policy_row(policy), style=style)
    return table


def sweep_table(rows: Sequence[SweepRow]) -> Table:
    """The joint plan over bandwidths."""
    table = _table("the same pair at other bandwidths - planned, not run; mJ per request", SWEEP_COLUMNS)
    for row in rows:
        table.add_row(*sweep_row(row))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in _TEXT_COLUMNS else "right", no_wrap=True)
    return table


def _place(row: SweepRow) -> str:
    return f"{row.verdict}: {row.cut} {row.cut_name}" if row.verdict == "split" else row.verdict


def _clock(point: OperatingPoint | None, none: str) -> str:
    return none if point is None else str(point).removesuffix(" MHz")


def _millijoules(energy_j: float | None) -> str:
    return "-" if energy_j is None else f"{energy_j * 1e3:.1f}"


def _saving(row: SweepRow) -> str:
    others = [energy_j for energy_j in (row.all_edge_j, row.all_server_j) if energy_j is not None]
    if row.energy_j is None or not others:
        return "-"
    return f"{1 - row.energy_j / min(others):.1%}"
