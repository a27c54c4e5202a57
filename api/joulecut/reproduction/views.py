"""The tables that a reader sees, on the terminal and on the page: every number with the CSV rows behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.reproduction.cooperative_case import CooperativeRow
from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.findings import Case, Finding, finding
from joulecut.reproduction.forecasts import Model
from joulecut.reproduction.local_case import Goal, LocalRow
from joulecut_core.clocks import OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A text and the CSV rows that its numbers stand in."""

    text: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table."""

    case: Case
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def views(result: Reproduction) -> tuple[View, ...]:
    """All tables in the order of the page."""
    return (
        _local_summary(result.findings),
        _local_series(result.local),
        _cooperative_summary(result.findings),
        _cooperative_cases(result.cooperative),
        _memory_summary(result.findings),
    )


def _local_summary(findings: Sequence[Finding]) -> View:
    rows = []
    for of in _groups(findings, Case.LOCAL):
        reached, series = (
            finding(findings, of, "series that reach the claim, energy alone"),
            finding(findings, of, "series"),
        )
        rows.append(
            (
                Cell(text=of),
                _span(findings, of, "time reduction, energy alone"),
                _span(findings, of, "energy reduction, energy alone"),
                Cell(text=f"{reached.shown} of {series.shown}", refs=(reached.row, series.row)),
                _pair(
                    findings, of, "median time reduction, time counts too", "median energy reduction, time counts too"
                ),
                _cell(findings, of, "largest energy reduction, latency model alone"),
                _pair(findings, of, "deadlines missed, cpu-dvfs", "deadlines missed, joulecut"),
                _pair(findings, of, "worst energy above the best, cpu-dvfs", "worst energy above the best, joulecut"),
            )
        )
    return View(
        case=Case.LOCAL,
        title="against the CPU-DVFS model's choice (claimed: time 66 % or more, energy 69 % or more)",
        columns=(
            "figures",
            "less time, energy alone",
            "less energy, energy alone",
            "series that reach the claim",
            "less time / energy where time counts too, median",
            "less energy by the latency model alone",
            "deadlines missed, cpu-dvfs / joulecut",
            "worst waste, cpu-dvfs / joulecut",
        ),
        rows=tuple(rows),
    )


def _local_series(rows: Sequence[LocalRow]) -> View:
    alone = [row for row in rows if row.goal == Goal.WEIGHTED.value and row.parameter == 0]
    table = []
    for name in dict.fromkeys(row.series for row in alone):
        cpu, ours = (
            next(row for row in alone if row.series == name and row.model == model.value)
            for model in (Model.CPU_DVFS, Model.JOULECUT)
        )
        refs = cpu.row, ours.row
        table.append(
            (
                Cell(text=name),
                Cell(text=f"{ours.latency_kind}, {ours.energy_kind}"),
                Cell(text=f"{cpu.core_mhz:g} / {ours.core_mhz:g} / {ours.best_core_mhz:g}", refs=refs),
                Cell(text=f"{1e3 * cpu.latency_s:.1f} / {1e3 * ours.latency_s:.1f}", refs=refs),
                Cell(text=f"{1e3 * cpu.energy_j:.1f} / {1e3 * ours.energy_j:.1f}", refs=refs),
                Cell(text=f"{ours.time_reduction:.1%}", refs=(ours.row,)),
                Cell(text=f"{ours.energy_reduction:.1%}", refs=(ours.row,)),
            )
        )
    return View(
        case=Case.LOCAL,
        title="energy alone, series by series: cpu-dvfs / joulecut",
        columns=(
            "series",
            "latency, energy",
            "core MHz (/ best)",
            "latency, ms",
            "energy, mJ",
            "less time",
            "less energy",
        ),
        rows=tuple(table),
    )


def _cooperative_summary(findings: Sequence[Finding]) -> View:
    rows = tuple(
        (
            Cell(text=of),
            _cell(findings, of, "cases"),
            _pair(findings, of, "cases with another cut", "of these with less energy"),
            _cell(findings, of, "cases with more energy though both keep the deadline"),
            _pair(
                findings,
                of,
                "median energy reduction where both keep the deadline",
                "largest energy reduction where both keep the deadline",
            ),
            _pair(findings, of, "deadlines missed, cpu-dvfs", "deadlines missed, dvfs-aware"),
            _pair(
                findings,
                of,
                "median error of expected energy, cpu-dvfs",
                "median error of expected energy, dvfs-aware",
            ),
        )
        for of in _groups(findings, Case.COOPERATIVE)
    )
    return View(
        case=Case.COOPERATIVE,
        title="plans carried out on emulated devices, DVFS-aware against CPU-DVFS (claimed: better cut, less energy)",
        columns=(
            "requests",
            "cases",
            "another cut / of these less energy",
            "more energy",
            "less energy, median / largest",
            "deadlines missed, cpu-dvfs / dvfs-aware",
            "expected energy off by, cpu-dvfs / dvfs-aware",
        ),
        rows=rows,
    )


_SHOWN_DEADLINE_S = 0.03


def _cooperative_cases(rows: Sequence[CooperativeRow]) -> View:
    table = []
    for cpu, ours in zip(rows[::2], rows[1::2], strict=True):
        if cpu.deadline_s != _SHOWN_DEADLINE_S:
            continue
        refs = cpu.row, ours.row
        rate = "on request" if cpu.rate_hz is None else f"{cpu.rate_hz:g} Hz"
        table.append(
            (
                Cell(text=f"{cpu.joules_of}, {rate}, {cpu.uplink_bps / 1e6:g} Mbit/s"),
                Cell(text=_place(cpu), refs=(cpu.row,)),
                Cell(text=_place(ours), refs=(ours.row,)),
                Cell(text=f"{1e3 * cpu.latency_s:.1f} / {1e3 * ours.latency_s:.1f}", refs=refs),
                Cell(text=f"{1e3 * cpu.energy_j:.1f} / {1e3 * ours.energy_j:.1f}", refs=refs),
            )
        )
    return View(
        case=Case.COOPERATIVE,
        title=f"the cases with a deadline of {1e3 * _SHOWN_DEADLINE_S:g} ms, metered (emulated)",
        columns=("joules of, requests, uplink", "cpu-dvfs", "dvfs-aware", "latency, ms", "energy, mJ"),
        rows=tuple(table),
    )


def _memory_summary(findings: Sequence[Finding]) -> View:
    rows = tuple(
        (
            Cell(text=of),
            _pair(findings, of, "missed, slowest in time, blind", "missed, slowest in time, aware"),
            _pair(
                findings,
                of,
                "latest over the deadline, slowest in time, blind",
                "latest over the deadline, slowest in time, aware",
            ),
            _pair(findings, of, "missed, least energy, blind", "missed, least energy, aware"),
            _pair(
                findings,
                of,
                "median energy above the best, memory given, blind",
                "median energy above the best, memory given, aware",
            ),
            _pair(
                findings,
                of,
                "median energy saved by choosing both clocks",
                "largest energy saved by choosing both clocks",
            ),
        )
        for of in _groups(findings, Case.MEMORY)
    )
    return View(
        case=Case.MEMORY,
        title="blind / aware (claimed: 28 % / 1.3 % missed; energy saved by choosing both clocks)",
        columns=(
            "grid",
            "missed, slowest in time",
            "latest over the deadline",
            "missed, least energy",
            "energy above the best, median",
            "saved by choosing both clocks, median / largest",
        ),
        rows=rows,
    )


def _place(row: CooperativeRow) -> str:
    edge = OperatingPoint(core_mhz=row.edge_core_mhz, memory_mhz=row.edge_memory_mhz)
    server = ""
    if row.server_core_mhz is not None:
        server = f" + {OperatingPoint(core_mhz=row.server_core_mhz, memory_mhz=row.server_memory_mhz)}"
    missed = ", missed" if row.missed else ""
    if row.server_core_mhz is None:
        return f"all on the edge, {edge}{missed}"
    return f"cut {row.cut} {row.codec}, {edge}{server}{missed}"


def _groups(findings: Sequence[Finding], case: Case) -> list[str]:
    return list(dict.fromkeys(each.of for each in findings if each.case == case.value))


def _span(findings: Sequence[Finding], of: str, what: str) -> Cell:
    return _pair(findings, of, f"least {what}", f"largest {what}", between=" to ")


def _pair(findings: Sequence[Finding], of: str, first: str, second: str, *, between: str = " / ") -> Cell:
    cells = [_cell(findings, of, what) for what in (first, second)]
    return Cell(text=between.join(cell.text for cell in cells), refs=tuple(ref for cell in cells for ref in cell.refs))


def _cell(findings: Sequence[Finding], of: str, what: str) -> Cell:
    try:
        found = finding(findings, of, what)
    except LookupError:
        return Cell(text="-")
    return Cell(text=found.shown, refs=(found.row,))
