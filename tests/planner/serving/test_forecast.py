"""The forecast recovers what arrivals were drawn from, and notices when that changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from joulecut_planner.serving.forecast import ArrivalForecast, ArrivalMonitor
from tests.thoroughness import examples

_BASE_S = 0.05


def _after(times_s: np.ndarray, expected_hz: float = 100.0) -> ArrivalMonitor:
    monitor = ArrivalMonitor(_BASE_S, expected_hz)
    for time_s in times_s.tolist():
        monitor.arrived(time_s)
    return monitor


@pytest.mark.parametrize("rate_hz", [5.0, 60.0, 2000.0])
def test_poisson_arrivals_are_recovered(rate_hz: float) -> None:
    """The rate to some percent and a dispersion of one, whatever was expected before."""
    times_s = np.cumsum(np.random.default_rng(3).exponential(1.0 / rate_hz, 4000))
    forecast = _after(times_s).forecast(float(times_s[-1]))
    assert forecast.rate_hz == pytest.approx(rate_hz, rel=0.25)
    assert forecast.dispersion == pytest.approx(1.0, abs=0.4)


def test_a_beat_is_known_for_one() -> None:
    """Equal gaps: no dispersion, and the exact rate."""
    monitor = _after(np.arange(1, 500) / 70.0)
    forecast = monitor.forecast(499 / 70.0)
    assert forecast.dispersion < 0.01
    assert forecast.rate_hz == pytest.approx(70.0, rel=0.05)


def test_clusters_show_in_the_dispersion() -> None:
    """Ten at once, ten times more rarely: far above one."""
    starts_s = np.cumsum(np.random.default_rng(4).exponential(1.0 / 6.0, 300))
    assert _after(np.repeat(starts_s, 10)).dispersion > 4.0


def test_a_burst_is_noticed_within_some_arrivals() -> None:
    """Ten times the rate is believed after forty arrivals, not after the long horizon."""
    rng = np.random.default_rng(5)
    quiet_s = np.cumsum(rng.exponential(1.0 / 20.0, 1000))
    burst_s = quiet_s[-1] + np.cumsum(rng.exponential(1.0 / 200.0, 40))
    assert _after(np.concatenate((quiet_s, burst_s))).forecast(float(burst_s[-1])).rate_hz > 100.0


def test_silence_is_noticed() -> None:
    """A load that has stopped is not expected to go on: a tenth of it after twenty deadlines."""
    times_s = np.cumsum(np.random.default_rng(6).exponential(1.0 / 200.0, 2000))
    monitor = _after(times_s)
    assert monitor.forecast(float(times_s[-1]) + 20.0 * _BASE_S).rate_hz < 20.0


def test_before_any_arrival_the_expectation_holds() -> None:
    """A server that has seen nothing decides by what it was told."""
    assert ArrivalMonitor(1.0, 7.0).forecast(100.0) == ArrivalForecast(7.0, 1.0)
    for base_s, expected_hz in ((0.0, 1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="expected positive and finite"):
            ArrivalMonitor(base_s, expected_hz)


@settings(max_examples=examples(100), deadline=None)
@given(st.floats(0.01, 300.0), st.floats(0.2, 20.0), st.floats(0.05, 0.999))
def test_quantiles_are_those_of_the_law(mean: float, dispersion: float, share: float) -> None:
    """Negative binomial of this mean and variance, Poisson up to a dispersion of one."""
    law = stats.nbinom(mean / (dispersion - 1.0), 1.0 / dispersion) if dispersion > 1.0 else stats.poisson(mean)
    count = ArrivalForecast(mean, dispersion).quantile(1.0, share)
    assert law.cdf(count) >= share - 1e-9
    assert count == 0 or law.cdf(count - 1) < share + 1e-9
