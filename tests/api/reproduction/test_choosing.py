"""Choices from forecasts, against the plain statement of each rule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut.reproduction.choosing import least_energy, least_sum, slowest_in_time
from joulecut.reproduction.forecasts import Forecast
from joulecut.reproduction.series import SeriesPoint
from joulecut_core.clocks import OperatingPoint
from tests.thoroughness import examples

POSITIVE = st.floats(0.001, 10.0)


@st.composite
def forecasts(draw: st.DrawFn) -> list[Forecast]:
    """Forecasts at distinct clocks, in any order."""
    clocks = draw(st.lists(st.integers(100, 2000), min_size=1, max_size=12, unique=True))
    return [
        Forecast(point=OperatingPoint(core_mhz=float(clock)), latency_s=draw(POSITIVE), energy_j=draw(POSITIVE))
        for clock in clocks
    ]


@settings(max_examples=examples(100))
@given(expected=forecasts(), deadline_s=POSITIVE)
def test_in_time_first(expected: list[Forecast], deadline_s: float) -> None:
    """Both rules stay in time where anything does, and are then cheapest or slowest; else they take the fastest."""
    cheap, slow = least_energy(expected, deadline_s), slowest_in_time(expected, deadline_s)
    in_time = [each for each in expected if each.latency_s <= deadline_s]
    if in_time:
        assert cheap in in_time
        assert slow in in_time
        assert all(cheap.energy_j <= each.energy_j for each in in_time)
        assert all(slow.point.core_mhz <= each.point.core_mhz for each in in_time)
    else:
        assert cheap.latency_s == slow.latency_s == min(each.latency_s for each in expected)


@settings(max_examples=examples(100))
@given(expected=forecasts(), weight=st.floats(0.0, 1.0), latency_s=POSITIVE, power_w=POSITIVE)
def test_weighted_sum(expected: list[Forecast], weight: float, latency_s: float, power_w: float) -> None:
    """Nothing has a smaller sum of time and energy, each relative to the reference; the ends look at one alone."""
    reference = SeriesPoint(point=OperatingPoint(core_mhz=1.0), latency_s=latency_s, power_w=power_w)

    def cost(each: Forecast) -> float:
        return weight * each.latency_s / latency_s + (1 - weight) * each.energy_j / (latency_s * power_w)

    assert cost(least_sum(expected, weight, reference)) <= min(map(cost, expected)) * (1 + 1e-9)
    assert least_sum(expected, 1.0, reference).latency_s == min(each.latency_s for each in expected)
    assert least_sum(expected, 0.0, reference).energy_j == min(each.energy_j for each in expected)
