"""The study of block power: its short form runs, and what it publishes follows from the emulator's law."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

import pytest
from benchmarks import block_power
from benchmarks.block_power import COLUMNS, DEVICES, RESULTS, main
from torch import Tensor, nn

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.profiling.block_meter import BlockMeterPlan
from joulecut_runtime.profiling.plan import ProfilePlan
from tests.networks.zoo import captured_lite0


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of the table in a folder, by column."""
    return list(csv.DictReader(io.StringIO((folder / "block_power.csv").read_text(encoding="utf-8"))))


def test_quick_run_prices_short_blocks_better_than_the_whole_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From capture to closed sums: the predicted watts beat the network's mean, and the page says what it is."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")

    def captured(module: nn.Module, inputs: tuple[Tensor, ...], *, name: str) -> Graph:
        return captured_lite0() if name == block_power.EFFICIENTNET else capture(module, inputs, name=name)

    monkeypatch.setattr(block_power, "capture", captured)
    # Six clocks for eight; as long a shortest block, metered in a third of the time.
    monkeypatch.setattr(block_power, "ProfilePlan", partial(ProfilePlan, core_clocks=3))
    monkeypatch.setattr(block_power, "METER", BlockMeterPlan(window_periods=3, most_runs=150))
    main(["--quick", "--out", str(tmp_path)])
    page = (tmp_path / "block_power.md").read_text(encoding="utf-8")
    assert "**Emulated.**" in page
    assert "\n| rates **(chosen)** |" in page
    rows = rows_of(tmp_path)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * 6
    short = [row for row in rows if int(row["predicted"])]
    assert len(short) > 5
    flat, priced = (
        sum(float(row[column]) for row in short) / len(short) for column in ("flat_error_pct", "priced_error_pct")
    )
    assert priced < 0.6 * flat
    assert max(abs(float(row["gap_pct"])) for row in rows) < 5.0


def test_published_page_and_table_are_of_one_run() -> None:
    """Every device of the table has its section, and nothing else has one."""
    page = (RESULTS / "block_power.md").read_text(encoding="utf-8")
    rows = rows_of(RESULTS)
    assert {row["device"] for row in rows} == set(DEVICES)
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == list(DEVICES)
    assert all(f" of {sum(row['device'] == device for row in rows)} wholes" in page for device in DEVICES)
