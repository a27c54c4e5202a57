"""Models recover the laws they are made of, and only those."""

from __future__ import annotations

import pytest

from joulecut.reproduction.forecasts import CALIBRATION_CLOCKS, Model, calibration, forecasts
from joulecut.reproduction.series import SeriesPoint
from joulecut_core.clocks import OperatingPoint
from tests.api.reproduction.made_up_series import CORES_MHZ, board


def test_calibration_is_a_few_clocks_of_each_memory_clock() -> None:
    """Four of the ten core clocks at each memory clock, the lowest and the highest among them."""
    known = calibration(board((1000.0, 3000.0)))
    for memory_mhz in (1000.0, 3000.0):
        clocks = [each.point.core_mhz for each in known if each.point.memory_mhz == memory_mhz]
        assert len(clocks) == CALIBRATION_CLOCKS
        assert (clocks[0], clocks[-1]) == (CORES_MHZ[0], CORES_MHZ[-1])


def test_each_model_knows_its_own_law() -> None:
    """k/f is exact for cpu-dvfs, a/f + c for han2025, and a static power for joulecut alone."""
    points = [OperatingPoint(core_mhz=clock) for clock in CORES_MHZ]
    proportional = [
        SeriesPoint(point=point, latency_s=5.0 / point.core_mhz, power_w=3e-9 * point.core_mhz**3) for point in points
    ]
    for each, truth in zip(forecasts(Model.CPU_DVFS, proportional[::3], points), proportional, strict=True):
        assert each.latency_s == pytest.approx(truth.latency_s)
        assert each.energy_j == pytest.approx(truth.energy_j)

    series = board()
    errors = {
        model: max(
            abs(each.latency_s / series.at(each.point).latency_s - 1)
            for each in forecasts(model, calibration(series), points)
        )
        for model in Model
    }
    assert errors[Model.CPU_DVFS] > 0.1
    assert errors[Model.HAN] < 1e-3
    assert errors[Model.JOULECUT] < 0.01

    energies = {
        model: max(
            abs(each.energy_j / series.at(each.point).energy_j - 1)
            for each in forecasts(model, calibration(series), points)
        )
        for model in Model
    }
    assert energies[Model.HAN] > 0.5
    assert energies[Model.JOULECUT] < 0.03
