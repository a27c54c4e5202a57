"""The cumulative sums: their run length under noise, and what a single outlier is worth."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest

from joulecut_planner.drift import threshold_for
from joulecut_planner.drift.cusum import LIMIT, Cusum
from tests.thoroughness import THOROUGH


def samples_to_alarm(length: float, rng: np.random.Generator, shift: float = 0.0) -> int:
    """Samples of unit noise until a detector for that run length alarms."""
    cusum, samples = Cusum(reference=0.5, threshold=threshold_for(length, 0.5)), 0
    while True:
        for residual in (shift + rng.standard_normal(256)).tolist():
            samples += 1
            if cusum.add(residual):
                return samples


@pytest.mark.parametrize("length", [100.0, 500.0] if THOROUGH else [100.0])
def test_stated_run_length(length: float) -> None:
    """Under normal noise false alarms are on average as far apart as asked for: within a fifth, over 400 runs.

    The mean of 400 runs has a standard error of 5 %; winsorising makes runs a little longer.
    """
    rng = np.random.default_rng(5)
    assert fmean(samples_to_alarm(length, rng) for _ in range(400)) == pytest.approx(length, rel=0.2)


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_shift_of_one_sigma_is_found_soon(shift: float) -> None:
    """At a false alarm in 500 samples, a shift that single samples hide is found within some ten, either way."""
    rng = np.random.default_rng(6)
    assert fmean(samples_to_alarm(500.0, rng, shift) for _ in range(200)) < 15


def test_one_outlier_is_worth_the_limit() -> None:
    """However far off a sample is, it adds no more than the limit, so it alone never alarms."""
    cusum = Cusum(reference=0.5, threshold=LIMIT)
    assert not cusum.add(1e9)
    assert not cusum.add(-1e9)
    assert cusum.add(-1e9)


def test_run_counts_from_where_the_shift_began() -> None:
    """Samples before the sum last left 0 do not belong to the shift."""
    cusum = Cusum(reference=0.5, threshold=4.0)
    assert [cusum.add(residual) for residual in (0.0, -0.4, 0.2, 2.0, 2.0, 2.0)] == [False] * 5 + [True]
    assert cusum.run == 3
    cusum.restart()
    assert cusum.run == 0
    assert not cusum.add(2.0)
