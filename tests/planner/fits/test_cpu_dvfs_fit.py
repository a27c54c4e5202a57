"""The baseline's laws: exact where they hold, and off in the way the papers say where they do not."""

from __future__ import annotations

import pytest

from joulecut_core.errors import FitError
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency, fit_cpu_power

CLOCKS = [300.0, 600.0, 900.0, 1200.0]


def test_recovers_its_own_laws() -> None:
    """k / f and kappa f^3 come back from themselves, from a single clock too."""
    for clocks in (CLOCKS, CLOCKS[-1:]):
        latency = fit_cpu_latency(clocks, [12.0 / f for f in clocks])
        power = fit_cpu_power(clocks, [20.0 * (f / 1200.0) ** 3 for f in clocks])
        assert latency.k_s == pytest.approx(0.01)
        assert power.kappa_w == pytest.approx(20.0)
        assert latency.latency_s(1200.0) == pytest.approx(0.01)
        assert power.power_w(1200.0) == pytest.approx(20.0)


def test_knows_no_time_beside_the_clock() -> None:
    """With a constant share of time it is too fast at the top clock and too slow at the lowest."""
    fit = fit_cpu_latency(CLOCKS, [6.0 / f + 0.01 for f in CLOCKS])
    assert fit.latency_s(1200.0) < 0.015
    assert fit.latency_s(300.0) > 0.03
    assert fit.quality.worst_error > 0.1


def test_keeps_to_its_clocks() -> None:
    """The baseline is not extrapolated either, and needs a measurement."""
    with pytest.raises(FitError, match="outside"):
        fit_cpu_latency(CLOCKS, [1.0 / f for f in CLOCKS]).latency_s(100.0)
    with pytest.raises(FitError, match="at 0 distinct"):
        fit_cpu_power([], [])
