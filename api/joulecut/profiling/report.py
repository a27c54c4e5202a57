"""What a profiling run came to: tables for people, a document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut_core.decoding import encode
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_planner.pacing import paced_checks

SCHEMA = "joulecut.profiled/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledNetwork:
    """A profile and where it lies. `resumed_points`: operating points that an interrupted run had measured before."""

    profile: Profile
    path: Path
    resumed_points: int = 0
    wires: WireTable | None = None
    wires_path: Path | None = None


def profiled_document(profiled: ProfiledNetwork) -> Mapping[str, object]:
    """Where the files are, and what was measured at each operating point; the profile itself has all of it."""
    measured = profiled.profile
    return {
        "schema": SCHEMA,
        "profile": str(profiled.path),
        "wires": None if profiled.wires_path is None else str(profiled.wires_path),
        "network": measured.network,
        "key": encode(measured.key),
        "figures": measured.figures.value,
        "resumed_points": profiled.resumed_points,
        "points": [
            {
                "requested": encode(point.requested),
                "achieved": encode(point.achieved),
                "whole_s": point.whole_s,
                "whole_std_s": point.whole_std_s,
                "busy_w": point.busy_w,
                "wait_w": point.wait_w,
                "runs": point.runs,
            }
            for point in measured.points
        ],
        "parts": len(measured.parts),
        "codecs": len(measured.codecs),
    }


def print_profiled(profiled: ProfiledNetwork, console: Console) -> None:
    """Clocks, codecs and files."""
    measured = profiled.profile
    if profiled.resumed_points:
        done, points = profiled.resumed_points, len(measured.points)
        console.print(f"resumed: {done} of {points} operating points were measured before the interruption")
    print_whole(console, _points_table(measured))
    console.print(f"{len(measured.parts)} parts and {len(measured.codecs)} codec costs measured")
    console.print(f"profile: {profiled.path}", soft_wrap=True)
    if profiled.wires is not None:
        print_whole(console, _wires_table(profiled.wires, measured.cut_names))
        console.print(f"wires: {profiled.wires_path}", soft_wrap=True)


def _points_table(measured: Profile) -> Table:
    title = f"{measured.network} on {measured.key.device} ({measured.figures.value}, {measured.key.power_scope})"
    table = Table("clock", "achieved", "whole ms", "+- ms", "busy W", "waiting W", "runs", title=title)
    for point in measured.points:
        table.add_row(
            str(point.requested),
            str(point.achieved),
            f"{point.whole_s * 1e3:.2f}",
            f"{point.whole_std_s * 1e3:.2f}",
            f"{point.busy_w:.2f}",
            f"{point.wait_w:.2f}",
            str(point.runs),
        )
    for governed in measured.governed:
        table.add_row(
            f"governor, {governed.rate_hz:g} Hz",
            "",
            f"{governed.latency_s * 1e3:.2f}",
            f"{governed.latency_std_s * 1e3:.2f}",
            f"mean {governed.mean_w:.2f}",
            "",
            "",
        )
    for check in paced_checks(measured):
        table.add_row(
            f"{check.paced.requested}, {check.paced.rate_hz:g} Hz",
            str(check.paced.achieved),
            f"{check.paced.latency_s * 1e3:.2f}",
            f"{check.paced.latency_std_s * 1e3:.2f}",
            f"mean {check.paced.mean_w:.2f}",
            f"predicted {check.mean_w:.2f}",
            str(len(check.paced.samples_s)),
        )
    return table


def _wires_table(wires: WireTable, cut_names: Sequence[str]) -> Table:
    table = Table("cut", "codec", "mean kB", "largest kB", "answers changed", title=f"wires on {wires.samples_from}")
    for wire in wires.wires:
        table.add_row(
            f"{wire.cut} {cut_names[wire.cut]}",
            wire.codec,
            f"{wire.mean_bytes / 1e3:.1f}",
            f"{wire.max_bytes / 1e3:.1f}",
            f"{wire.accuracy_loss:.2%} of {wire.samples}",
        )
    return table
