"""The benchmark of fits: plans choose the rows they say, references are laws, misses and regret are counted."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.fit_plants import at_clock, planted_table
from benchmarks.fits import Judged, _decisions, affine, cpu, four_clocks, main, six_points

from joulecut_planner.fits import Measurement
from tests.planner.fits.boards import CORES_MHZ, MEMORIES_MHZ, board, latency_s, power_w


def test_plans() -> None:
    """Four core clocks at each memory clock, extremes among them; six points of a grid, its corners among them."""
    rows = board(CORES_MHZ, MEMORIES_MHZ)
    four = [m.core_mhz for m, used in zip(rows, four_clocks(rows), strict=True) if used]
    assert four == [306.0, 510.0, 816.0, 1020.0] * 4
    six = {(m.core_mhz, m.memory_mhz) for m, used in zip(rows, six_points(rows), strict=True) if used}
    corners = {(306.0, 1062.4), (306.0, 1866.0), (1020.0, 1062.4), (1020.0, 1866.0)}
    assert six == corners | {(714.0, 1600.0), (510.0, 1866.0)}


def test_references() -> None:
    """On boards that obey them the reference models are exact."""
    rows = [Measurement(core_mhz=f, latency_s=3.0 / f + 0.002, power_w=5.0 + 1e-8 * f**3) for f in CORES_MHZ]
    for predicted, name in zip(affine(rows[::2], rows), ("latency_s", "power_w"), strict=True):
        np.testing.assert_allclose(predicted, [getattr(m, name) for m in rows], rtol=1e-6)
    rows = [Measurement(core_mhz=f, latency_s=3.0 / f, power_w=1e-8 * f**3) for f in CORES_MHZ]
    for predicted, name in zip(cpu(rows[::2], rows), ("latency_s", "power_w"), strict=True):
        np.testing.assert_allclose(predicted, [getattr(m, name) for m in rows], rtol=1e-9)


def test_decisions() -> None:
    """The choice is made by predictions and judged by what was measured."""
    truth, joules = np.array([1.0, 1.2, 2.0]), np.array([10.0, 6.0, 3.0])
    missed, regret = _decisions(truth, joules, truth, joules)
    assert not any(missed)
    assert max(regret) == 0.0
    # The slowest point is believed to take 1.2 s: it is chosen for 1.25 s and misses.
    missed, regret = _decisions(np.array([1.0, 1.2, 1.2]), joules, truth, joules)
    assert missed[1]
    # The cheapest is believed to cost the most: at a loose deadline 6 J are spent instead of 3.
    _, regret = _decisions(truth, np.array([10.0, 6.0, 20.0]), truth, joules)
    assert regret[3] == pytest.approx(1.0)


def test_judged_where_not_calibrated() -> None:
    """Errors are over the rows that were left out."""
    rows = board()
    one = Judged(rows, four_clocks(rows), "joulecut")
    assert len(one.latency) == len(one.power) == len(one.latency_inside) == len(one.power_inside) == 4
    assert max(one.latency) < 0.01
    assert not any(one.careful_missed)
    # A prediction is in time more often than the upper edge of its band.
    assert len(one.careful_regret) == len(one.regret) == 5


def test_plants() -> None:
    """A planted clock has the figures of half its clock, 1/f below the table; on a clean board every one is found."""
    rows = board()
    planted = at_clock(rows, 7, 510.0)
    assert planted.latency_s == pytest.approx(latency_s(510.0))
    assert planted.power_w == pytest.approx(power_w(510.0))
    slowest = at_clock(rows, 0, 153.0).latency_s
    assert slowest is not None
    assert slowest == pytest.approx(2 * latency_s(306.0))
    assert math.isclose(at_clock(rows, 0, 153.0).power_w or 0.0, power_w(306.0))
    table = planted_table({"board": [rows], "few": [rows[:4]]})
    every = "8 of 8 (100.0 %)"
    assert table[-1] == f"| board | {every} | {every} | 0 of 56 (0.0 %) | - | 0 of 8 (0.0 %) | 2 of 2 (100.0 %) |"


def test_a_throttled_clock_is_not_honest() -> None:
    """A published clock that is slower than a lower one is counted apart, blamed or not."""
    rows = [replace(m, power_w=None) for m in board()]
    rows[-1] = replace(rows[-1], latency_s=1.08 * (rows[-2].latency_s or math.nan))
    cells = planted_table({"board": [rows]})[-1].split(" | ")
    assert cells[3].startswith("0 of 49 ")
    assert cells[4].startswith("7 of 7 ")
    assert cells[5].startswith("0 of 7 ")


def test_writes_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file in the folder becomes a row; a folder without any ends the program."""
    lines = ["series,core_mhz,latency_s,power_w"]
    lines += [f"one,{m.core_mhz},{m.latency_s},{m.power_w}" for m in board(noise=0.003)]
    (tmp_path / "made_up.csv").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "fits.md"
    monkeypatch.setattr("sys.argv", ["fits", "--data", str(tmp_path), "--out", str(out)])
    main()
    text = out.read_text(encoding="utf-8")
    assert text.count("| made_up |") == 3
    assert "6 points" not in text
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr("sys.argv", ["fits", "--data", str(empty)])
    with pytest.raises(SystemExit):
        main()
