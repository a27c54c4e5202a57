"""Regressors: each learns a law that it can express, says no where it cannot, and is the same twice."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from joulecut_core.errors import FitError
from joulecut_planner.block_power.regressors import CANDIDATES, Candidate, Regressor, fit_regressor
from joulecut_planner.block_power.rows import COLUMNS, FeatureSet, block_rows
from tests.planner.block_power.drawn_blocks import (
    JOULES_PER_BYTE,
    JOULES_PER_FLOP,
    drawn_network,
    drawn_networks,
)
from tests.thoroughness import THOROUGH

RATES = Candidate(regressor=Regressor.RATES, features=FeatureSet.RATES)
RIDGE = Candidate(regressor=Regressor.RIDGE, features=FeatureSet.STATIC)
WORST_SHARES = {Regressor.RATES: 1e-6, Regressor.RIDGE: 1.0}
"""Of the error that each clock's mean makes: rates have the law's own form, and a straight line is none of a ratio."""

LOOKED_AT = CANDIDATES if THOROUGH else [each for each in CANDIDATES if each.features is not FeatureSet.STATIC]
"""Every regressor at least once."""

needs_learner = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed")


@needs_learner
@pytest.mark.parametrize("candidate", LOOKED_AT, ids=str)
def test_learns_and_repeats(candidate: Candidate) -> None:
    """Watts of unseen networks come out, better than the mean of each clock, and the same for the same seed."""
    unseen = block_rows([drawn_network(seed) for seed in range(100, 106)], candidate.features)
    rows = block_rows(drawn_networks(12), candidate.features)
    predicted_w = fit_regressor(candidate, rows, seed=1).power_w(unseen)
    mean_w = np.array([rows.power_w[rows.point == point].mean() for point in unseen.point])
    miss_w, spread_w = np.abs(predicted_w - unseen.power_w).mean(), np.abs(mean_w - unseen.power_w).mean()
    assert miss_w < WORST_SHARES.get(candidate.regressor, 0.7) * spread_w
    assert (fit_regressor(candidate, rows, seed=1).power_w(unseen) == predicted_w).all()


def test_rates_are_joules_per_flop_and_byte() -> None:
    """The coefficients mean something: a block of pure arithmetic draws the device's joules per FLOP."""
    fitted = fit_regressor(RATES, block_rows(drawn_networks(12), FeatureSet.RATES))
    probe = block_rows([drawn_network(0)], FeatureSet.RATES).take(np.array([0]))
    for column, joules in (
        ("flops_per_s_convolution*f^1", JOULES_PER_FLOP),
        ("bytes_per_s_convolution*f^0", JOULES_PER_BYTE),
    ):
        values = np.zeros_like(probe.values)
        values[0, COLUMNS[FeatureSet.RATES].index(column)] = 1e12
        above_w = fitted.power_w(replace(probe, values=values)) - probe.wait_w
        assert above_w == pytest.approx(1e12 * joules, rel=1e-3)


def test_no_work_gives_energy_back() -> None:
    """However noisy the meter, a busy block is never priced below waiting."""
    noisy = block_rows(drawn_networks(4, noise=0.3), FeatureSet.RATES)
    fitted = fit_regressor(RATES, noisy)
    assert (fitted.power_w(noisy) >= noisy.wait_w).all()


@needs_learner
def test_ratios_stay_within_what_was_seen() -> None:
    """A line far outside its data would price a block at thousands of watts."""
    rows = block_rows(drawn_networks(6), FeatureSet.STATIC)
    far = replace(rows, values=rows.values * 50.0)
    ratio = fit_regressor(RIDGE, rows).power_w(far) / far.wait_w
    seen = rows.power_w / rows.wait_w
    assert ratio.min() >= seen.min() * (1 - 1e-12)
    assert ratio.max() <= seen.max() * (1 + 1e-12)


def test_too_few_or_dead_rows_are_refused() -> None:
    """Neither a handful of blocks nor a meter that reads nothing can carry a model."""
    rows = block_rows([drawn_network(0)], FeatureSet.RATES)
    with pytest.raises(FitError, match="18 metered blocks; expected at least 20"):
        fit_regressor(RATES, rows)
    many = block_rows(drawn_networks(3), FeatureSet.RATES)
    with pytest.raises(FitError, match="0 W"):
        fit_regressor(RATES, replace(many, power_w=np.where(many.point == 0, 0.0, many.power_w)))


def test_rates_and_only_rates_take_rates() -> None:
    """Joules per unit make no sense on logarithms."""
    with pytest.raises(FitError, match="rates alone"):
        Candidate(regressor=Regressor.RATES, features=FeatureSet.STATIC)
    with pytest.raises(FitError, match="rates alone"):
        Candidate(regressor=Regressor.RIDGE, features=FeatureSet.RATES)


def test_missing_learner_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-learn the message names the extra to install, and rates still work."""

    def nothing(name: str, package: str | None = None) -> ModuleSpec | None:
        del name, package
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(FitError, match=r"joulecut\[learn\]"):
        fit_regressor(RIDGE, block_rows(drawn_networks(3), FeatureSet.STATIC))
    fit_regressor(RATES, block_rows(drawn_networks(3), FeatureSet.RATES))
