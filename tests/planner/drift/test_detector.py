"""What one part's detector reports: when, how much, and when not."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.drift import DriftDetector, DriftSettings, Shift
from tests.thoroughness import examples

PREDICTED_S = 0.01


def feed(detector: DriftDetector, level: float, noise: float, count: int, rng: np.random.Generator) -> list[Shift]:
    """Observe `count` requests at a level; the shifts reported."""
    shifts = []
    for residual in rng.normal(math.log(level), noise, count).tolist():
        shift = detector.observe(PREDICTED_S, PREDICTED_S * math.exp(residual))
        if shift is not None:
            shifts.append(shift)
    return shifts


@settings(max_examples=examples(30))
@given(
    st.sampled_from([0.5, 0.8, 1.15, 1.3, 2.0, 5.0]),
    st.sampled_from([0.0, 1e-12, 1e-3, 0.01, 0.02, 0.03]),
    st.integers(0, 59),
)
def test_a_lasting_change_is_found_once_and_measured(factor: float, noise: float, seed: int) -> None:
    """After a jump there is one alarm, with the new level to a few per cent, and the level holds from then on."""
    rng, detector = np.random.default_rng(seed), DriftDetector(DriftSettings())
    assert feed(detector, 1.0, noise, 100, rng) == []
    (shift,) = feed(detector, factor, noise, 100, rng)
    assert shift.previous == 1.0
    assert shift.factor == pytest.approx(factor, rel=2.5 * noise + 1e-9)
    assert detector.factor == pytest.approx(factor, rel=noise + 1e-9)
    assert feed(detector, factor, noise, 300, rng) == []


def test_the_way_back_is_a_shift_too() -> None:
    """When the cause ends, the level returns to 1 and says what it was."""
    rng, detector = np.random.default_rng(1), DriftDetector(DriftSettings())
    feed(detector, 1.0, 0.02, 50, rng)
    feed(detector, 1.5, 0.02, 50, rng)
    (back,) = feed(detector, 1.0, 0.02, 50, rng)
    assert back.previous == pytest.approx(1.5, rel=0.05)
    assert back.factor == pytest.approx(1.0, rel=0.05)


def test_a_wrong_model_shows_from_the_start() -> None:
    """A prediction that was never right needs no right one before it: the level counts from 1."""
    (shift,) = feed(DriftDetector(DriftSettings()), 1.4, 0.02, 60, np.random.default_rng(2))
    assert shift.factor == pytest.approx(1.4, rel=0.03)


@pytest.mark.parametrize("level", [0.96, 1.04])
def test_half_the_tolerance_is_no_drift(level: float) -> None:
    """A model 4 % off is as good as models are; with a tolerance of 10 % it never alarms."""
    assert feed(DriftDetector(DriftSettings()), level, 0.01, 5000, np.random.default_rng(3)) == []


def test_outliers_are_no_drift() -> None:
    """One request in twenty ten times slower, at even distances, neither alarms nor moves the level."""
    rng, detector = np.random.default_rng(4), DriftDetector(DriftSettings())
    for number in range(2000):
        slow = 10.0 if number % 20 == 0 else 1.0
        assert detector.observe(PREDICTED_S, PREDICTED_S * slow * math.exp(rng.normal(0.0, 0.02))) is None
    assert detector.factor == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("noise", [0.1, 0.4])
def test_false_alarms_are_no_more_than_stated(noise: float) -> None:
    """With noise as wide as the tolerance or wider, estimated on line, alarms are at least the stated length apart.

    The mean of 60 runs has a standard error of 13 %, so four fifths of the length are asked for; and
    no more than five times it, or the detector would be deaf.
    """
    rng, lengths = np.random.default_rng(8), []
    for _ in range(60):
        detector, samples = DriftDetector(DriftSettings(run_length=500.0)), 0
        while not feed(detector, 1.0, noise, 1, rng):
            samples += 1
        lengths.append(samples)
    assert 0.8 * 500 < fmean(lengths) < 5 * 500


def test_narrow_noise_hardly_ever_alarms() -> None:
    """Noise of half the tolerance, at a stated false alarm in 500: none in 20,000."""
    detector = DriftDetector(DriftSettings(run_length=500.0))
    assert feed(detector, 1.0, 0.05, 20_000, np.random.default_rng(9)) == []


def test_noise_is_reported() -> None:
    """The spread of single residuals, which the jump itself does not widen."""
    rng, detector = np.random.default_rng(10), DriftDetector(DriftSettings())
    feed(detector, 1.0, 0.05, 200, rng)
    (shift,) = feed(detector, 2.0, 0.05, 50, rng)
    assert shift.noise == pytest.approx(0.05, rel=0.25)
    assert shift.samples >= 5


def test_without_samples_nothing_is_corrected() -> None:
    """A part never seen is taken at its prediction."""
    assert DriftDetector(DriftSettings()).factor == 1.0


@pytest.mark.parametrize(("predicted_s", "measured_s"), [(0.0, 1.0), (1.0, 0.0), (1.0, math.nan), (math.inf, 1.0)])
def test_what_has_no_ratio_is_refused(predicted_s: float, measured_s: float) -> None:
    """Zero, NaN and infinities have no logarithm to watch."""
    with pytest.raises(FitError, match="expected both above 0 and finite"):
        DriftDetector(DriftSettings()).observe(predicted_s, measured_s)


@pytest.mark.parametrize("change", [{"tolerance": 0.0}, {"tolerance": math.nan}, {"run_length": 2.0}, {"window": 5}])
def test_senseless_settings_are_refused(change: dict[str, float]) -> None:
    """Settings complain where they are made, not at the first alarm."""
    with pytest.raises(FitError, match="expected"):
        DriftSettings(**change)  # type: ignore[arg-type]
