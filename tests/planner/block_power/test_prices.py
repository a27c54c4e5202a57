"""Prices: blocks add up to the whole, metered ones keep their watts, and a sum far off is said."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.errors import FitError
from joulecut_core.figures import FigureKind
from joulecut_planner.block_power.prices import METER_ERROR, BlockPrices, block_prices
from joulecut_planner.choices.grids import Array
from tests.planner.block_power.drawn_blocks import drawn_network

PARTLY = drawn_network(2, shortest_s=2e-4)
UNMETERED = drawn_network(2, shortest_s=1.0)


def exact_w(scale: float = 1.0) -> Array:
    """The true watts of every block, all off by one factor."""
    return np.array([point.block_w for point in drawn_network(2).points], dtype=np.float64) * scale


def priced(measured: BlockMeasurements, predicted_w: Array, *, block_error: float = 0.05) -> BlockPrices:
    """Prices that may be off by a tenth before they are closed."""
    return block_prices(measured, predicted_w, block_error=block_error, stated_error=0.1)


@given(
    st.lists(st.floats(0.3, 3.0), min_size=6, max_size=6),
    st.floats(1.0, 1.25),
    st.floats(0.005, 0.3),
    st.floats(0.0, 2e-3),
)
def test_blocks_add_up_to_the_metered_whole(
    factors: list[float], whole: float, block_error: float, shortest_s: float
) -> None:
    """Whatever was predicted and metered, the joules of the blocks are the whole's, to rounding, and above 0."""
    measured = drawn_network(2, shortest_s=shortest_s)
    measured = replace(
        measured, points=tuple(replace(point, whole_w=whole * point.whole_w) for point in measured.points)
    )
    prices = priced(measured, exact_w() * np.array(factors), block_error=block_error)
    for point, expected in zip(prices.points, measured.points, strict=True):
        assert sum(point.block_j) == pytest.approx(expected.whole_j, rel=1e-9)
        assert min(point.block_w) > 0
        assert point.block_s == expected.block_s


def test_a_prediction_off_by_one_factor_is_repaired() -> None:
    """A model that does not know a network is wrong about it in one direction: the whole tells by how much."""
    prices = priced(UNMETERED, exact_w(1.07))
    for point, true_w in zip(prices.points, exact_w(), strict=True):
        assert point.block_w == pytest.approx(true_w.tolist(), rel=1e-9)
        assert point.predicted_factor == pytest.approx(1 / 1.07)
        assert point.metered_factor == 1.0
        assert point.gap == pytest.approx(0.07)
        assert set(point.kinds) == {FigureKind.ESTIMATED}


def test_metered_blocks_are_believed_before_predicted_ones() -> None:
    """Nearly all of a gap falls on the class that is less sure, in proportion to variance and joules."""
    prices = priced(PARTLY, exact_w(1.3), block_error=0.1)
    for index, point in enumerate(prices.points):
        known = np.array([kind is FigureKind.EMULATED for kind in point.kinds])
        assert known.any()
        assert not known.all()
        assert np.abs(np.array(point.block_w) / exact_w()[index] - 1)[known].max() < 0.03
        predicted_j = (np.array(point.block_s) * exact_w(1.3)[index])[~known].sum()
        metered_j = (np.array(point.block_s) * exact_w()[index])[known].sum()
        share = (1 - point.predicted_factor) / (1 - point.metered_factor)
        assert share == pytest.approx((0.1 / METER_ERROR) ** 2 * predicted_j / metered_j)


def test_metered_blocks_alone_share_the_gap() -> None:
    """Without predictions the meter's own disagreement is spread, and said in the factor."""
    measured = drawn_network(2)
    measured = replace(
        measured, points=tuple(replace(point, whole_w=1.02 * point.whole_w) for point in measured.points)
    )
    for point in priced(measured, exact_w()).points:
        assert point.metered_factor == pytest.approx(1.02)
        assert point.predicted_factor == 1.0
        assert set(point.kinds) == {FigureKind.EMULATED}


def test_a_sum_beyond_the_stated_error_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """The caller learns it from the prices, the operator from the log; within the bound nobody is bothered."""
    with caplog.at_level(logging.WARNING):
        assert priced(UNMETERED, exact_w(1.09)).within_stated_error
        assert not caplog.records
        assert not priced(UNMETERED, exact_w(1.12)).within_stated_error
    assert "+12.0 %" in caplog.text
    assert "expected 10.0 % at most" in caplog.text


def test_sums_that_cannot_be_closed_are_refused() -> None:
    """No factor above 0 takes joules out of blocks that were metered; no factor at all scales nothing."""
    metered = replace(PARTLY, points=tuple(replace(point, whole_w=0.1) for point in PARTLY.points))
    with pytest.raises(FitError, match="no watts above 0"):
        priced(metered, exact_w())
    idle = replace(UNMETERED, points=tuple(replace(point, block_s=(0.0,) * 6) for point in UNMETERED.points))
    with pytest.raises(FitError, match="take time and energy"):
        priced(idle, exact_w())
