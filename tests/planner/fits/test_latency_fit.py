"""The latency curve: known coefficients are found again, real boards are met to a per cent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency
from joulecut_planner.fits.latency_fit import fit_latency
from tests.planner.measured_series import measured_series
from tests.thoroughness import examples

CLOCKS = [306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0]


def curve(a_s: float, b: float, c_s: float, clocks: list[float]) -> list[float]:
    """The law itself."""
    return [a_s * (clock / 1020.0) ** -b + c_s for clock in clocks]


@settings(max_examples=examples(60), deadline=None)
@given(a_s=st.floats(1e-4, 0.1), b=st.floats(0.3, 2.8), share=st.floats(0.0, 3.0))
def test_recovers_known_coefficients(a_s: float, b: float, share: float) -> None:
    """Without noise the law behind the measurements comes back."""
    fit = fit_latency(CLOCKS, curve(a_s, b, share * a_s, CLOCKS))
    assert fit.b == pytest.approx(b, abs=0.01)
    assert fit.a_s == pytest.approx(a_s, rel=0.02)
    assert fit.c_s == pytest.approx(share * a_s, rel=0.02, abs=0.02 * a_s)
    assert fit.quality.worst_error < 1e-4


def test_recovers_under_noise() -> None:
    """One per cent of noise on many repeats leaves predictions within half a per cent."""
    rng = np.random.default_rng(3)
    clocks = CLOCKS * 10
    truth = np.array(curve(0.01, 1.3, 0.004, clocks))
    fit = fit_latency(clocks, (truth * rng.normal(1.0, 0.01, truth.size)).tolist())
    for clock, seconds in zip(CLOCKS, curve(0.01, 1.3, 0.004, CLOCKS), strict=True):
        assert fit.latency_s(clock) == pytest.approx(seconds, rel=0.005)
    assert 0.005 < fit.quality.rms_error < 0.02


def test_three_clocks_hold_the_exponent() -> None:
    """Three clocks carry a/f + c and nothing freer."""
    fit = fit_latency([300.0, 600.0, 1020.0], curve(0.01, 1.6, 0.002, [300.0, 600.0, 1020.0]))
    assert fit.b == 1.0
    assert fit.quality.clocks == 3


@pytest.mark.parametrize(("clocks", "distinct"), [([500.0, 900.0], 2), ([500.0] * 5, 1), ([], 0)])
def test_too_few_clocks(clocks: list[float], distinct: int) -> None:
    """Fewer than three distinct clocks leave the curve open, however many repeats there are."""
    with pytest.raises(FitError, match=f"at {distinct} distinct core clocks"):
        fit_latency(clocks, [0.01] * len(clocks))


def test_coefficients_are_never_negative() -> None:
    """Time that rises with the clock, or falls faster than any law, still gives a physical curve."""
    rising = fit_latency(CLOCKS, [0.01 + 1e-6 * clock for clock in CLOCKS])
    assert (rising.a_s, rising.b) == (0.0, 1.0)
    steep = fit_latency(CLOCKS, [0.01 * (clock / 1020) ** -4 for clock in CLOCKS])
    assert steep.b == pytest.approx(3.0)
    assert steep.c_s == 0.0


def test_blocks_without_time() -> None:
    """A block of views takes no time at any clock."""
    fit = fit_latency(CLOCKS, [0.0] * len(CLOCKS))
    assert fit.latency_s(500.0) == 0.0


@pytest.mark.parametrize("clock", [200.0, 1100.0])
def test_never_extrapolates(clock: float) -> None:
    """Outside the measured clocks there is no answer."""
    with pytest.raises(FitError, match="outside the measured clocks"):
        fit_latency(CLOCKS, curve(0.01, 1.0, 0.0, CLOCKS)).latency_s(clock)


@pytest.mark.parametrize("values", [[0.01, -0.01, 0.02], [0.01, float("nan"), 0.02], [0.01, 0.02]])
def test_broken_measurements(values: list[float]) -> None:
    """Negative, missing or uneven measurements are refused, not fitted."""
    with pytest.raises(FitError):
        fit_latency([300.0, 600.0, 900.0], values)


def test_orin_nano() -> None:
    """Public measurements of a real board: one per cent on average, where k/f is an order of magnitude off."""
    errors, baseline = [], []
    for clocks, seconds in measured_series("orin_nano.csv", "latency_s"):
        fit, cpu = fit_latency(clocks, seconds), fit_cpu_latency(clocks, seconds)
        errors += [abs(fit.latency_s(f) / t - 1) for f, t in zip(clocks, seconds, strict=True)]
        baseline += [abs(cpu.latency_s(f) / t - 1) for f, t in zip(clocks, seconds, strict=True)]
    assert np.mean(errors) < 0.015
    assert np.mean(baseline) > 5 * np.mean(errors)


def test_tx2_held_out_clocks() -> None:
    """Four clocks predict the other nine of a TX2 with a median error of two per cent."""
    errors = []
    for clocks, seconds in measured_series("tx2_dnn.csv", "latency_s"):
        order = np.argsort(clocks)
        chosen = order[np.linspace(0, len(order) - 1, 4).round().astype(int)].tolist()
        fit = fit_latency([clocks[k] for k in chosen], [seconds[k] for k in chosen])
        errors += [abs(fit.latency_s(f) / t - 1) for f, t in zip(clocks, seconds, strict=True)]
    assert np.median(errors) < 0.02
