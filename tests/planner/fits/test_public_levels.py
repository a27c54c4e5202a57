"""Levels on public series that the priors were not fitted to one by one: medians and 95th percentiles in per cent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits import Measurement, fit_series
from tests.planner.fits.boards import four_clocks, public_series, six_points

Plan = Callable[[Sequence[Measurement]], tuple[list[Measurement], list[Measurement]]]


def errors(name: str, plan: Plan, least: int = 1) -> tuple[Array, Array, float]:
    """Errors of latency and power over the points not calibrated, and the share of latencies inside the band."""
    times, powers, inside = [], [], []
    for rows in list(public_series(name).values())[::least]:
        chosen, others = plan(rows)
        for m, prediction in zip(others, fit_series(chosen).predict([m.point for m in others]), strict=True):
            assert m.latency_s is not None
            assert prediction.latency_s is not None
            times.append(100 * abs(prediction.latency_s / m.latency_s - 1))
            inside.append((prediction.latency_low_s or 0) <= m.latency_s <= (prediction.latency_high_s or 0))
            if m.power_w is not None and prediction.power_w is not None:
                powers.append(100 * abs(prediction.power_w / m.power_w - 1))
    return np.array(times), np.array(powers), float(np.mean(inside))


@pytest.mark.parametrize(
    ("name", "median", "p95"),
    [
        ("agx_xavier_mobilenet.csv", 1.0, 2.5),
        ("tx2_dnn.csv", 1.5, 5.0),
        ("orin_nano.csv", 1.3, 5.0),
        ("rtx8000_kernels.csv", 1.2, 4.4),
    ],
)
def test_latency_from_four_clocks(name: str, median: float, p95: float) -> None:
    """Time on boards and a GPU, and a band that is neither empty nor everything."""
    times, _, inside = errors(name, four_clocks)
    assert np.median(times) <= median
    assert np.quantile(times, 0.95) <= p95
    assert inside >= 0.85


def test_power_from_four_clocks() -> None:
    """Wall power of a board, one spoilt row of the file included."""
    _, powers, _ = errors("agx_xavier_mobilenet.csv", four_clocks)
    assert np.median(powers) <= 1.0
    assert np.quantile(powers, 0.95) <= 3.0


def test_grids_from_six_points() -> None:
    """Core x memory grids from six points in all."""
    times, _, _ = errors("tx2_dnn.csv", six_points)
    assert np.median(times) <= 1.2
    assert np.quantile(times, 0.95) <= 4.5
    times, powers, _ = errors("gtx1080ti_kernels.csv", six_points, least=3)
    assert np.median(times) <= 1.2
    assert np.quantile(times, 0.95) <= 4.5
    assert np.median(powers) <= 1.2
    assert np.quantile(powers, 0.95) <= 4.5
