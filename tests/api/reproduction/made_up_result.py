"""A whole reproduction of made-up series, without any device."""

from __future__ import annotations

from dataclasses import replace

from joulecut.reproduction.cooperative_case import CooperativeRow
from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.findings import all_findings
from joulecut.reproduction.local_case import local_rows
from joulecut.reproduction.memory_case import memory_rows
from joulecut_core.figures import FigureKind
from joulecut_planner import ModelKind
from tests.api.reproduction.made_up_series import board


def cooperative_row(index: int, model: ModelKind, *, cut: int, energy_j: float, missed: bool = False) -> CooperativeRow:
    """A plan at 30 ms that expected half of the joules it took."""
    return CooperativeRow(
        row=f"C{index:03}",
        edge="emulated:edge",
        server="emulated:server",
        workload="made-up network",
        kind="emulated",
        joules_of="edge",
        uplink_bps=1e7,
        deadline_s=0.03,
        rate_hz=None,
        model=model.value,
        status="optimal",
        cut=cut,
        cut_name=f"cut <{cut}>",
        codec="raw",
        edge_core_mhz=306.0,
        edge_memory_mhz=None,
        server_core_mhz=300.0,
        server_memory_mhz=None,
        expected_latency_s=0.02,
        expected_energy_j=energy_j / 2,
        latency_s=0.04 if missed else 0.02,
        slowest_s=0.05,
        energy_j=energy_j,
        edge_j=energy_j,
        radio_j=0.0,
        server_j=0.1,
        missed=missed,
        requests=40,
    )


def reproduction() -> Reproduction:
    """Two series (measured, emulated) with three memory clocks; three cooperative cases, one of them missed."""
    measured = board((750.0, 1500.0, 3000.0))
    emulated = replace(
        board((750.0, 3000.0), static_w=4.0),
        name="emulated-<board>",
        device="emulated:board",
        latency_kind=FigureKind.EMULATED,
        energy_kind=FigureKind.EMULATED,
    )
    cpu, ours = ModelKind.CPU_DVFS, ModelKind.DVFS_AWARE
    cooperative = (
        cooperative_row(1, cpu, cut=2, energy_j=1.0),
        cooperative_row(2, ours, cut=3, energy_j=0.25),
        cooperative_row(3, cpu, cut=3, energy_j=0.8),
        cooperative_row(4, ours, cut=3, energy_j=0.8),
        cooperative_row(5, cpu, cut=0, energy_j=0.1, missed=True),
        cooperative_row(6, ours, cut=3, energy_j=0.5),
    )
    series = (measured, emulated)
    local, memory = local_rows(series), memory_rows(series)
    return Reproduction(
        series=series,
        local=local,
        cooperative=cooperative,
        memory=memory,
        findings=all_findings(local, memory, cooperative),
    )
