"""Public measurements: what ships, what is read where a user has it, and how each number is labelled."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from joulecut.reproduction.public_data import SETS, SHIPPED, public_series
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind


def no_watts(board: str, point: OperatingPoint) -> float:
    """For sets that have watts of their own."""
    raise AssertionError(f"nobody should ask for {board} at {point}")


def test_what_ships_is_licensed_and_complete() -> None:
    """Only sets with a licence lie in the package; both networks have all 24 points, with estimated energy."""
    shipped = {path.name for path in SHIPPED.glob("*.csv")}
    assert shipped == {known.file for known in SETS if known.licence == "Apache-2.0"}
    assert "Apache" in (SHIPPED / "README.md").read_text(encoding="utf-8")
    asked: list[tuple[str, OperatingPoint]] = []

    def watts(board: str, point: OperatingPoint) -> float:
        asked.append((board, point))
        return point.core_mhz

    series = public_series(None, watts)
    assert [each.name for each in series] == ["orin_nano-cproxyv2", "orin_nano-mobilenet"]
    assert {board for board, _ in asked} == {"orin-nano-super"}
    for each in series:
        assert len(each.points) == 24
        assert each.memory_clocks_mhz == (665.6, 2133.0, 3199.0)
        assert (each.latency_kind, each.energy_kind) == (FigureKind.MEASURED, FigureKind.ESTIMATED)
        assert all(point.power_w == point.point.core_mhz for point in each.points)


def test_measured_watts_are_taken_as_they_are(tmp_path: Path) -> None:
    """A set with watts is measured throughout; rows without watts or latency are left out where nothing stands in."""
    columns = ["series", "device", "workload", "core_mhz", "memory_mhz", "latency_s", "power_w", "power_scope"]
    rows = [
        ["a", "AGX", "net", "100", "", "0.5", "10", "wall"],
        ["b", "AGX", "net", "100", "", "0.4", "11", "wall"],
        ["a", "AGX", "net", "200", "", "0.3", "12", "wall"],
        ["a", "AGX", "net", "300", "", "", "13", "wall"],
        ["a", "AGX", "net", "400", "", "0.2", "", "wall"],
    ]
    with (tmp_path / "agx_xavier_mobilenet.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
    a, b = public_series(tmp_path, no_watts)
    assert [(each.point.core_mhz, each.energy_j) for each in a.points] == [(100.0, 5.0), (200.0, pytest.approx(3.6))]
    assert (a.name, a.energy_kind, a.power_scope, len(b.points)) == ("a", FigureKind.MEASURED, "wall", 1)


def test_a_folder_without_known_files_is_refused(tmp_path: Path) -> None:
    """The message names the folder and what was expected in it."""
    with pytest.raises(ConfigError, match=r"none of the known files; expected at least one of orin_nano\.csv"):
        public_series(tmp_path, no_watts)
