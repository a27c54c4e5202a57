"""Choosing an operating point from forecasts: under a deadline, or by a weighted sum of time and energy."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut.reproduction.forecasts import Forecast
from joulecut.reproduction.series import SeriesPoint

DEADLINE_FACTORS = (1.1, 1.25, 1.5, 2.0, 3.0)
"""Deadlines, as multiples of the least latency."""
TIME_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
"""Weights of time in the sum; energy has the rest."""

MISS = 1.01
"""A measured latency more than 1 % over its deadline is a miss; less is within the measurement."""


def least_energy(expected: Sequence[Forecast], deadline_s: float) -> Forecast:
    """The least energy among what is expected in time, or the fastest where nothing is."""
    in_time = [each for each in expected if each.latency_s <= deadline_s]
    if not in_time:
        return min(expected, key=lambda each: each.latency_s)
    return min(in_time, key=lambda each: each.energy_j)


def slowest_in_time(expected: Sequence[Forecast], deadline_s: float) -> Forecast:
    """The lowest core clock that is expected in time, or the fastest where none is: what governors do."""
    in_time = [each for each in expected if each.latency_s <= deadline_s]
    if not in_time:
        return min(expected, key=lambda each: each.latency_s)
    return min(in_time, key=lambda each: (each.point.core_mhz, each.energy_j))


def least_sum(expected: Sequence[Forecast], time_weight: float, reference: SeriesPoint) -> Forecast:
    """The least weighted_cost."""
    return min(expected, key=lambda each: weighted_cost(each.latency_s, each.energy_j, time_weight, reference))


def weighted_cost(latency_s: float, energy_j: float, time_weight: float, reference: SeriesPoint) -> float:
    """W t / t0 + (1 - w) E / E0, where t0 and E0 are what the device shows at its top clock."""
    return time_weight * latency_s / reference.latency_s + (1.0 - time_weight) * energy_j / reference.energy_j


def as_forecasts(points: Sequence[SeriesPoint]) -> tuple[Forecast, ...]:
    """What really happens, in the place of a model: whoever knows it chooses best."""
    return tuple(Forecast(point=each.point, latency_s=each.latency_s, energy_j=each.energy_j) for each in points)
