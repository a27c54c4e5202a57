"""Layers too short to meter get watts from those that were not, and say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from joulecut.study.course import choose_points
from joulecut.study.emulated_bench import EmulatedBench
from joulecut.study.engine_names import EngineName
from joulecut.study.journal import JOURNAL_FILE, JournalHead, StudyJournal
from joulecut.study.layer_prices import price_layers
from joulecut.study.subjects import find_subject
from joulecut.study.sweep import LayersCell, Sweep, SweepPlan, Swept
from joulecut.study.tabulation import layer_rows
from joulecut_core.devices import DeviceInfo
from joulecut_runtime.profiling.progress import Silence
from tests.api.study.tiny_networks import DEEP, INPUT, METER, convolutions


def broad() -> nn.Module:
    """As many layers as the deep one, and larger."""
    return convolutions(64, 11)


@pytest.fixture(name="swept", scope="module")
def _swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Swept, DeviceInfo]:
    bench = EmulatedBench("emulated:v100", seed=0)
    plan = SweepPlan(
        batches=(1, 4, 8),
        engines=(EngineName.EAGER,),
        points=choose_points("4", bench.clock_table),
        parts=False,
        seed=0,
        meter=METER,
    )
    info = bench.info
    head = JournalHead(
        device=info.name, driver=info.driver, power_scope=info.power_scope, runtime="emulated", plan=METER, seed=0
    )
    folder: Path = tmp_path_factory.mktemp("priced")
    journal = StudyJournal(folder / JOURNAL_FILE, head, resume=False)
    subjects = [find_subject(name, (INPUT,)) for name in (DEEP, "tests.api.study.test_layer_prices:broad")]
    return Sweep(bench, plan, journal, Silence()).run(subjects), info


def unmetered(cell: LayersCell, *, every: int) -> LayersCell:
    """The cell as a meter leaves it that cannot tell one layer of so many."""
    layers = tuple(
        replace(timing, power_w=None) if index % every == 0 else timing
        for index, timing in enumerate(cell.result.layers)
    )
    return replace(cell, result=replace(cell.result, layers=layers))


def test_metered_layers_keep_their_watts(swept: tuple[Swept, DeviceInfo]) -> None:
    """Where everything was metered nothing is estimated and nothing said."""
    cells, info = swept
    prices = price_layers(cells.layers, cells.wholes, info)
    assert (dict(prices.watts), prices.remark) == ({}, "")
    assert {row.power_kind for row in layer_rows(cells.layers, info, prices)} == {"emulated"}


def test_short_layers_are_estimated_and_add_up(swept: tuple[Swept, DeviceInfo]) -> None:
    """Estimates are labelled, near the watts that the meter would have read, and their sums are the whole's joules."""
    cells, info = swept
    short = [unmetered(cell, every=3) for cell in cells.layers]
    prices = price_layers(short, cells.wholes, info)
    rows, truth = layer_rows(short, info, prices), [t.power_w for cell in cells.layers for t in cell.result.layers]
    errors = [
        abs((row.power_w or 0.0) / (power_w or 1.0) - 1)
        for row, power_w in zip(rows, truth, strict=True)
        if row.power_kind == "estimated"
    ]
    assert len(errors) == sum(timing.power_w is None for cell in short for timing in cell.result.layers)
    assert np.median(errors) < 0.1
    assert "estimated" in prices.remark
    first = [row for row in rows if (row.network, row.batch, row.place) == (rows[0].network, 1, "default")]
    cell = cells.layers[0]
    whole = next(each for each in cells.wholes if each.key.point == cell.key.point and each.network == cell.network)
    whole_j = cell.result.latency_s * (whole.result.power_w or 0.0)
    assert sum(row.energy_j or 0.0 for row in first) == pytest.approx(whole_j, rel=0.02)


def test_too_little_to_learn_from(swept: tuple[Swept, DeviceInfo]) -> None:
    """One network alone, or no meter: layers stay without watts, and the page says why."""
    cells, info = swept
    one = [unmetered(cell, every=2) for cell in cells.layers if cell.network == cells.layers[0].network]
    prices = price_layers(one, cells.wholes, info)
    assert dict(prices.watts) == {}
    assert "could not be estimated: 10 folds, 1 networks" in prices.remark
    assert "" in {row.power_kind for row in layer_rows(one, info, prices)}
    blind = price_layers(one, cells.wholes, replace(info, meter_period_s=None))
    assert (dict(blind.watts), blind.remark) == ({}, "")
