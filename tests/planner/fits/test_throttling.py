"""Flat tops: recognised where both quantities stop moving, and not where a kernel is bound by memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_planner.fits import Measurement, fit_series
from joulecut_planner.fits.series_fit import Doubt
from joulecut_planner.fits.throttling import plateau
from tests.planner.fits.boards import CORES_MHZ, board, latency_s, power_w

CORES = np.array(CORES_MHZ)


def capped(cap_mhz: float) -> list[Measurement]:
    """The made-up board under a limit: from a clock on, requests change nothing."""
    return [
        replace(
            m,
            latency_s=latency_s(min(m.core_mhz, cap_mhz)),
            power_w=power_w(min(m.core_mhz, cap_mhz)),
        )
        for m in board()
    ]


def test_not_held_under_a_limit() -> None:
    """The clocks above the limit are suspect, for that reason, and what was measured there is what is predicted."""
    rows = capped(750.0)
    fit = fit_series(rows)
    assert [(d.point.core_mhz, d.doubt) for d in fit.doubted] == [(918.0, Doubt.NOT_HELD), (1020.0, Doubt.NOT_HELD)]
    top = fit.predict([rows[-1].point])[0]
    assert top.suspect
    assert top.latency_s == pytest.approx(latency_s(750.0))
    assert top.power_w == pytest.approx(power_w(750.0))


def test_a_limit_bends_no_curve() -> None:
    """Below the limit the board's own laws are predicted; above it, between calibrated clocks, the flat top."""
    rows = [m for m in capped(750.0) if m.core_mhz not in {510.0, 918.0}]
    below, above = fit_series(rows).predict([board()[2].point, board()[6].point])
    assert below.latency_s == pytest.approx(latency_s(510.0), rel=0.01)
    assert below.power_w == pytest.approx(power_w(510.0), rel=0.02)
    assert above.latency_s == pytest.approx(latency_s(750.0), rel=0.001)
    assert above.power_w == pytest.approx(power_w(750.0), rel=0.001)


def test_memory_bound_is_not_throttled() -> None:
    """Time that stops falling while power goes on rising is a kernel bound by memory."""
    times = np.maximum(1.0 / CORES, 1.0 / 714.0)
    assert plateau(CORES, times, CORES**1.5) is None


def test_a_memory_bound_kernel_under_a_limit() -> None:
    """Where time no longer falls, power that stops well below where it was going tells the limit."""
    times, watts = np.full(8, 0.01), np.minimum(CORES, 750.0) ** 1.5
    limit = plateau(CORES, times, watts)
    assert limit is not None
    assert (limit.last_held_mhz, limit.first_flat_mhz) == (714.0, 816.0)


def test_power_that_levels_off_is_not_throttled() -> None:
    """A flat top that misses less power than noise and a bend of the curve explain is believed."""
    assert plateau(CORES, np.full(8, 0.01), 10.0 + 0.5 * np.minimum(CORES, 750.0) / 750.0) is None


def test_never_responding_is_not_throttled() -> None:
    """A device whose figures are flat from the start tells nothing about a limit."""
    assert plateau(CORES, np.full(8, 0.01), np.full(8, 10.0)) is None


def test_one_flat_step_is_not_a_top() -> None:
    """Two clocks alike at the top of the table may be chance, or one clock under two names."""
    limit = plateau(CORES[:4], np.array([4.0, 3.0, 2.4, 2.4]), np.array([4.0, 5.0, 6.2, 6.2]))
    assert limit is not None
    assert limit.core_mhz.tolist() == [510.0, 612.0]
    close = np.array([306.0, 408.0, 510.0, 515.0])
    assert plateau(close, np.array([4.0, 3.0, 2.4, 2.4]), np.array([4.0, 5.0, 6.2, 6.2])) is None
