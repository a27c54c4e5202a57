"""Decisions in files: found again where nothing has changed, made again where anything has."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.joint.decisions import Ladder, solve_ladder
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.kept_decisions import KeptDecisions
from joulecut_planner.serving.joint.loads import loads_of
from joulecut_planner.serving.joint.sweep import Prices
from joulecut_planner.serving.joint.ways import find_ways
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.joint.arrivals import poisson, three_lone_s
from tests.planner.serving.joint.solved import few_loads
from tests.planner.serving.tables import gpu_like

_TABLE = gpu_like(units=1, points=2, batches=(1, 2), switch_s=2e-3)
_COSTS = ServiceCosts(_TABLE)
_SLO_S = three_lone_s(_COSTS)
_RATES_HZ = (20.0, 60.0)
_PRICES = [Prices(lone_j=0.5, miss_j=each, waiting_w=0.1, lasting_s=1.0) for each in (5.0, 50.0)]


@lru_cache(maxsize=1)
def _solved() -> tuple[list[Ladder], tuple[tuple[int, ...], ...]]:
    """Two small ladders, and the shapes of their arrays."""
    grid = DecisionGrid(find_ways(_COSTS, (0,), 2), deadline_s=_SLO_S, ages=10, most=4)
    ladders = [solve_ladder(grid, 1.0, _RATES_HZ, _PRICES), solve_ladder(grid, 5.0, _RATES_HZ, _PRICES[:1])]
    one = ladders[0][0][0]
    return ladders, tuple(array.shape for array in (one.relative, one.gains, one.switches, one.until, one.chosen))


def _load(kept: KeptDecisions, *, rungs: int = 2) -> list[Ladder]:
    return kept.load([_PRICES, _PRICES[:1]], rungs, _solved()[1])


def _in(folder: Path) -> KeptDecisions:
    return KeptDecisions(folder, _TABLE, _SLO_S, (0,), None)


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """Every array and price stands where it stood: at its dispersion, rate and price of a miss."""
    ladders, _ = _solved()
    assert _load(_in(tmp_path)) == []
    _in(tmp_path).save(ladders)
    for ladder, again in zip(ladders, _load(_in(tmp_path)), strict=True):
        for rung, same in zip(ladder, again, strict=True):
            for one, other in zip(rung, same, strict=True):
                assert (one.cost_w, one.prices) == (other.cost_w, other.prices)
                for name in ("relative", "gains", "switches", "until", "chosen"):
                    assert np.array_equal(getattr(one, name), getattr(other, name))


def test_other_figures_are_not_found(tmp_path: Path) -> None:
    """A deadline, a draw, a clock or a set of variants that differs is never answered by decisions for another."""
    _in(tmp_path).save(_solved()[0])
    others = [
        KeptDecisions(tmp_path, _TABLE, np.nextafter(_SLO_S, 1.0), (0,), None),
        KeptDecisions(tmp_path, replace(_TABLE, idle_w=(35.0, 50.1)), _SLO_S, (0,), None),
        KeptDecisions(tmp_path, replace(_TABLE, switch_s=2.1e-3), _SLO_S, (0,), None),
        KeptDecisions(tmp_path, replace(_TABLE, switch_j=1e-3), _SLO_S, (0,), None),
        KeptDecisions(tmp_path, gpu_like(units=1, points=2, batches=(1, 3), switch_s=2e-3), _SLO_S, (0,), None),
        KeptDecisions(tmp_path, _TABLE, _SLO_S, (1,), None),
        KeptDecisions(tmp_path, _TABLE, _SLO_S, (0,), (0,)),
    ]
    assert [_load(other) for other in others] == [[]] * len(others)


@pytest.mark.parametrize("damage", ["cut off", "not an archive", "pickled", "other shapes"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Half a file, or one that somebody put there, costs a start its seconds and nothing else; nothing is unpickled."""
    _in(tmp_path).save(_solved()[0])
    (file,) = tmp_path.glob("*.npz")
    content = file.read_bytes()
    pickled = b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00."
    file.write_bytes({"cut off": content[:1000], "not an archive": b"no", "pickled": pickled}.get(damage, content))
    assert _load(_in(tmp_path), rungs=3 if damage == "other shapes" else 2) == []
    assert "made again" in caplog.text


def test_a_folder_that_cannot_be_written_to_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A service without a home still serves."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    _in(in_the_way / "folder").save(_solved()[0])
    assert "cannot be kept" in caplog.text


def test_old_files_go(tmp_path: Path) -> None:
    """A folder does not grow without end, however many service levels are tried."""
    for number in range(30):
        KeptDecisions(tmp_path, _TABLE, _SLO_S + number, (0,), None).save(_solved()[0][1:])
    assert len(list(tmp_path.glob("*.npz"))) == 24


def test_the_newest_stays_on_a_host_without_the_date(tmp_path: Path) -> None:
    """Without a battery it starts in 1970: all other files seem to be newer, and it would solve at each start."""
    for number in range(24):
        KeptDecisions(tmp_path, _TABLE, _SLO_S + number, (0,), None).save(_solved()[0][1:])
    for path in tmp_path.glob("*.npz"):
        os.utime(path, (2e9, 2e9))
    KeptDecisions(tmp_path, _TABLE, _SLO_S + 24, (0,), None).save(_solved()[0])
    assert _load(KeptDecisions(tmp_path, _TABLE, _SLO_S + 24, (0,), None))
    assert len(list(tmp_path.glob("*.npz"))) == 24


def test_a_policy_by_a_file_serves_as_the_one_that_solved_it(tmp_path: Path) -> None:
    """Same answers, same joules, and nothing is solved or written again."""
    requests = poisson(200.0, _SLO_S, count=300, seed=1)
    with few_loads():
        solved = simulate(JoulecutPolicy(_TABLE, slo_s=_SLO_S, kept=tmp_path), requests)
        (file,) = tmp_path.glob("*.npz")
        before = file.stat().st_mtime_ns
        loads_of.cache_clear()
        assert simulate(JoulecutPolicy(_TABLE, slo_s=_SLO_S, kept=tmp_path), requests) == solved
    assert file.stat().st_mtime_ns == before
