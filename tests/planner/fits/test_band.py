"""The band is the mixture's: its quantiles are met, whatever the tails are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t

from joulecut_planner.fits.band import BAND, band

DEGREES = 6.0


def held(half: float, weights: list[float], means: list[float], deviations: list[float]) -> float:
    """The share of a mixture of Student-t distributions within `half` of its mean."""
    scales = np.array(deviations) * np.sqrt((DEGREES - 2.0) / DEGREES)
    apart = np.dot(weights, means) - np.array(means)
    ends = [np.dot(weights, t.cdf((apart + end) / scales, DEGREES)) for end in (-half, half)]
    return float(ends[1] - ends[0])


@pytest.mark.parametrize(
    ("weights", "means", "deviations"),
    [
        ([1.0], [0.3], [0.01]),
        ([0.5, 0.5], [0.0, 0.01], [0.01, 0.01]),
        ([0.7, 0.3], [0.0, 0.0], [0.01, 0.02]),
        ([0.8, 0.2], [0.0, 0.02], [0.005, 0.02]),
    ],
)
def test_the_band_of_a_mixture(weights: list[float], means: list[float], deviations: list[float]) -> None:
    """An eighth from the width that holds nine of ten, found by root search, and nearer than the normal's."""
    mean, deviation, half = band(
        np.array(weights), np.array(means)[:, None], np.array(deviations)[:, None] ** 2, DEGREES
    )
    exact = brentq(lambda width: held(width, weights, means, deviations) - BAND, 1e-6, 1.0)
    assert mean[0] == pytest.approx(np.dot(weights, means))
    assert half[0] == pytest.approx(exact, rel=0.125)
    assert abs(half[0] - exact) < abs(1.645 * deviation[0] - exact)


def test_one_distribution_is_exact() -> None:
    """Of a single Student-t the table has the quantile itself, from five degrees of freedom to many."""
    for degrees in (5.0, 6.0, 7.0, 10.0, 16.0, 1e6):
        _, deviation, half = band(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)), degrees)
        assert deviation[0] == pytest.approx(1.0)
        assert half[0] == pytest.approx(t.ppf(0.95, degrees) * np.sqrt((degrees - 2.0) / degrees), abs=1e-3)
