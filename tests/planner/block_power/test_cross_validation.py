"""Cross-validation: nobody is judged on what he has seen, and each way of folding shows what it is there for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.errors import FitError
from joulecut_planner.block_power import cross_validation
from joulecut_planner.block_power.cross_validation import cross_validate
from joulecut_planner.block_power.regressors import Candidate, FittedRegressor, Regressor, fit_regressor
from joulecut_planner.block_power.rows import BlockRows, FeatureSet
from tests.planner.block_power.drawn_blocks import drawn_network, drawn_networks

RATES = Candidate(regressor=Regressor.RATES, features=FeatureSet.RATES)
NEIGHBOURS = Candidate(regressor=Regressor.NEIGHBOURS, features=FeatureSet.STATIC)


def unlike(measured: BlockMeasurements, extra_w: float) -> BlockMeasurements:
    """A network that has each block twice, and draws more than its features tell."""
    points = tuple(
        replace(
            point,
            block_s=2 * point.block_s,
            block_w=2 * tuple(None if power_w is None else power_w + extra_w for power_w in point.block_w),
        )
        for point in measured.points
    )
    return replace(measured, blocks=2 * measured.blocks, points=points)


def test_a_law_that_can_be_learned_scores_full() -> None:
    """On noiseless data of its own form a regressor makes no error in any fold, nor in the sum of blocks."""
    found = cross_validate(RATES, drawn_networks(6))
    assert min(found.plain.r2, found.grouped.r2_at_clock, found.shorter.r2) > 1 - 1e-9
    assert found.whole.worst < 1e-6
    assert found.whole.wholes == 18
    assert (found.plain.rows, found.grouped.rows, found.shorter.rows) == (108, 108, 54)


def test_noise_is_what_the_error_shows() -> None:
    """The reported error is that of the meter where the model has none of its own."""
    found = cross_validate(RATES, drawn_networks(12, noise=0.02))
    assert found.grouped.rms_error == pytest.approx(0.02, rel=0.4)


def test_unlike_networks_flatter_plain_folds_only() -> None:
    """Plain folds know a block by its twin in the same network; a network that was left out has none."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    networks = [unlike(drawn_network(seed), extra_w=float(seed % 4)) for seed in range(8)]
    found = cross_validate(NEIGHBOURS, networks)
    assert found.plain.rmse_w < 0.5 * found.grouped.rmse_w


def test_sum_of_blocks_has_the_sign_of_the_miss() -> None:
    """A whole that draws more than its blocks makes their sum too small."""
    networks = [
        replace(each, points=tuple(replace(point, whole_w=1.1 * point.whole_w) for point in each.points))
        for each in drawn_networks(4)
    ]
    whole = cross_validate(RATES, networks).whole
    assert whole.mean == pytest.approx(1 / 1.1 - 1, rel=1e-6)
    assert whole.rms == pytest.approx(whole.median) == pytest.approx(whole.p95) == pytest.approx(1 - 1 / 1.1, rel=1e-6)


def test_nothing_is_judged_by_who_has_seen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain folds leave out a tenth, grouped ones a network's every row, shorter ones all short rows besides."""
    learned: list[BlockRows] = []

    def listening(candidate: Candidate, rows: BlockRows, *, seed: int) -> FittedRegressor:
        learned.append(rows.metered())
        return fit_regressor(candidate, rows, seed=seed)

    monkeypatch.setattr(cross_validation, "fit_regressor", listening)
    cross_validate(RATES, drawn_networks(5))
    plain, grouped, shorter = learned[:10], learned[10:15], learned[15:]
    assert {len(rows) for rows in plain} == {81}
    assert sorted(set(range(5)).difference(rows.network).pop() for rows in grouped) == list(range(5))
    assert {len(rows) for rows in grouped} == {72}
    longest_left_out = np.median(np.concatenate([rows.time_s for rows in grouped]))
    assert len(shorter) == 5
    assert all(rows.time_s.min() > 0.9 * longest_left_out for rows in shorter)
    assert all(len(set(rows.network.tolist())) == 4 for rows in shorter)


def test_networks_are_dealt_evenly_where_they_outnumber_the_folds() -> None:
    """Every network is left out once, and no fold is empty."""
    found = cross_validate(RATES, drawn_networks(7), folds=3)
    assert found.grouped.rows == 7 * 18
    assert found.whole.wholes == 21


def test_a_choice_weighs_short_blocks_and_wholes() -> None:
    """A candidate that is good on metered blocks and wrong on wholes is wrong on what nobody metered."""
    found = cross_validate(RATES, drawn_networks(6, noise=0.02))
    worse = replace(found, whole=replace(found.whole, rms=found.whole.rms + 0.1))
    assert worse.error > 0.1 > found.error > max(found.shorter.rms_error, found.whole.rms)


def test_one_network_proves_nothing() -> None:
    """There would be nothing to learn from when it is left out."""
    with pytest.raises(FitError, match="measure another network"):
        cross_validate(RATES, [drawn_network(0), drawn_network(1, name="network 0")])
