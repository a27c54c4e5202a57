"""The power curve: known coefficients are found again, and the static term survives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.cpu_dvfs_fit import fit_cpu_power
from joulecut_planner.power_fit import fit_power
from tests.planner.measured_series import measured_series

CLOCKS = [306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0]


def curve(p0_w: float, p1_w: float, p3_w: float, exponent: float = 3.0) -> list[float]:
    """The law itself."""
    return [p0_w + p1_w * (f / 1020.0) + p3_w * (f / 1020.0) ** exponent for f in CLOCKS]


@settings(max_examples=60, deadline=None)
@given(p0_w=st.floats(0.5, 100), p1_w=st.floats(0.0, 50), p3_w=st.floats(0.0, 200))
def test_recovers_known_coefficients(p0_w: float, p1_w: float, p3_w: float) -> None:
    """Without noise the law behind the measurements comes back."""
    fit = fit_power(CLOCKS, curve(p0_w, p1_w, p3_w))
    scale = p0_w + p1_w + p3_w
    assert fit.p0_w == pytest.approx(p0_w, abs=1e-6 * scale)
    assert fit.p1_w == pytest.approx(p1_w, abs=1e-6 * scale)
    assert fit.p3_w == pytest.approx(p3_w, abs=1e-6 * scale)


def test_another_exponent_where_the_data_say_so() -> None:
    """A board whose power rises with f^4 is recognised, a cubic one left alone even under noise."""
    assert fit_power(CLOCKS, curve(3.0, 0.0, 8.0, 4.0), exponent=None).exponent == 4.0
    rng = np.random.default_rng(0)
    noisy = (np.array(curve(3.0, 1.0, 8.0)) * rng.normal(1.0, 0.01, len(CLOCKS))).tolist()
    assert fit_power(CLOCKS, noisy, exponent=None).exponent == 3.0
    assert fit_power(CLOCKS[:4], curve(3.0, 0.0, 8.0, 4.0)[:4], exponent=None).exponent == 3.0


def test_recovers_under_noise() -> None:
    """Two per cent of noise leaves predictions within one."""
    rng = np.random.default_rng(5)
    truth = np.array(curve(4.0, 2.0, 9.0) * 10)
    fit = fit_power(CLOCKS * 10, (truth * rng.normal(1.0, 0.02, truth.size)).tolist())
    for clock, watts in zip(CLOCKS, curve(4.0, 2.0, 9.0), strict=True):
        assert fit.power_w(clock) == pytest.approx(watts, rel=0.01)


def test_coefficients_are_never_negative() -> None:
    """Power that falls with the clock is held by the constant alone."""
    fit = fit_power(CLOCKS, [20.0 - 0.01 * f for f in CLOCKS])
    assert (fit.p1_w, fit.p3_w) == (0.0, 0.0)
    assert fit.p0_w > 0


def test_refuses_what_it_cannot_carry() -> None:
    """Two clocks carry no curve, and no curve answers outside its clocks."""
    with pytest.raises(FitError, match="at 2 distinct core clocks"):
        fit_power([300.0, 600.0], [5.0, 8.0])
    with pytest.raises(FitError, match="outside the measured clocks"):
        fit_power(CLOCKS, curve(3.0, 1.0, 5.0)).power_w(2000.0)


@pytest.mark.parametrize("name", ["agx_xavier_mobilenet.csv", "rtx8000_kernels.csv"])
def test_real_boards(name: str) -> None:
    """Public measurements: two per cent in the median, where kappa f^3 alone is many times that."""
    errors, baseline = [], []
    for clocks, watts in measured_series(name, "power_w"):
        fit, cpu = fit_power(clocks, watts), fit_cpu_power(clocks, watts)
        errors += [abs(fit.power_w(f) / p - 1) for f, p in zip(clocks, watts, strict=True)]
        baseline += [abs(cpu.power_w(f) / p - 1) for f, p in zip(clocks, watts, strict=True)]
    assert np.median(errors) < 0.02
    assert np.median(baseline) > 5 * np.median(errors)
