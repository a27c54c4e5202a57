"""Rows to learn from: right numbers in right columns, and never two devices in one table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.block_features import BlockFeatures
from joulecut_core.errors import FitError
from joulecut_planner.block_power.rows import COLUMNS, FeatureSet, block_rows
from tests.planner.block_power.drawn_blocks import CLOCKS_MHZ, drawn_network, seconds

NETWORK = drawn_network(3, shortest_s=1e-4)
EMPTY = BlockFeatures(name="views", batch=1, kinds=(), input_bytes=0, output_bytes=0, output_shape=(), weight_bytes=0)


@pytest.mark.parametrize("features", FeatureSet)
def test_each_column_has_a_name_and_finite_numbers(features: FeatureSet) -> None:
    """A regressor gets as many columns as are named, also for a block that does nothing and takes no time."""
    points = tuple(
        replace(point, block_s=(*point.block_s, 0.0), block_w=(*point.block_w, None)) for point in NETWORK.points
    )
    rows = block_rows([replace(NETWORK, blocks=(*NETWORK.blocks, EMPTY), points=points)], features)
    assert rows.columns == COLUMNS[features]
    assert rows.values.shape == (7 * len(CLOCKS_MHZ), len(rows.columns))
    assert np.isfinite(rows.values).all()


def test_rows_say_what_the_block_is_and_how_fast_it_ran() -> None:
    """Sizes, clocks and rates stand in the columns that bear their names, point after point, block after block."""
    rows, rates = (block_rows([NETWORK], features) for features in (FeatureSet.TIMED, FeatureSet.RATES))
    block, row, share = NETWORK.blocks[2], 6 + 2, CLOCKS_MHZ[1] / 1000.0
    known = dict(zip(rows.columns, rows.values[row], strict=True))
    assert known["core_share"] == share
    assert known["log_flops"] == pytest.approx(math.log(block.flops), rel=1e-6)
    assert known["flops_share_convolution"] == pytest.approx(block.kinds[0].flops / block.flops)
    assert known["log_flops_per_s"] == pytest.approx(math.log(block.flops / seconds(block, share)))
    assert known["weight_share"] == pytest.approx(0.5, rel=1e-4)
    rate = dict(zip(rates.columns, rates.values[row], strict=True))
    elementwise = block.kinds[1]
    assert rate["bytes_per_s_elementwise*f^3"] == pytest.approx(
        elementwise.size_bytes / seconds(block, share) * share**3
    )
    assert rates.time_s[row] == seconds(block, share)


def test_unmetered_blocks_are_rows_without_watts() -> None:
    """They are priced with the others, but nothing is learned from them."""
    rows = block_rows([NETWORK], FeatureSet.STATIC)
    assert 0 < len(rows.metered()) < len(rows) == 6 * len(CLOCKS_MHZ)
    assert len(rows.metered()) == NETWORK.metered == int(np.isfinite(rows.power_w).sum())


def test_one_network_at_two_batches_is_one_network() -> None:
    """Otherwise a network's twin would be among what is learned when the network is left out."""
    twin = drawn_network(4, name=NETWORK.network)
    rows = block_rows([NETWORK, twin, drawn_network(5)], FeatureSet.STATIC)
    assert rows.networks == (NETWORK.network, "network 5")
    assert np.bincount(rows.network).tolist() == [36, 18]
    assert len(rows.points) == len(CLOCKS_MHZ)


def test_watts_of_two_devices_are_never_mixed() -> None:
    """Different scopes and devices mean different things by a watt."""
    with pytest.raises(FitError, match="never mixed"):
        block_rows([NETWORK, drawn_network(1, device="other")], FeatureSet.STATIC)
    with pytest.raises(FitError, match="none; expected"):
        block_rows([], FeatureSet.STATIC)
