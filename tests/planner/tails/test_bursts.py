"""Whether misses come alone or in bursts."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.errors import FitError
from joulecut_planner.tails import burstiness


def test_a_series_by_hand() -> None:
    """Six misses of sixteen in three runs, of which three follow a miss: each figure as counted by hand."""
    missed = [0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0]
    found = burstiness([float(value) for value in missed], 0.5, window=4)
    assert (found.requests, found.misses, found.window) == (16, 6, 4)
    assert found.miss_rate == 6 / 16
    assert found.repeat_rate == 3 / 6
    assert found.mean_run == 6 / 3
    # Windows hold 2, 3, 0 and 1.
    assert found.dispersion == pytest.approx(np.var([2, 3, 0, 1], ddof=1) / 1.5)


def test_independent_misses() -> None:
    """Where misses are independent they repeat as often as they occur, and their windows are binomial."""
    missed = np.random.default_rng(1).random(100_000) < 0.05
    found = burstiness(missed.astype(float), 0.5)
    assert found.repeat_rate == pytest.approx(0.05, abs=0.01)
    assert found.mean_run == pytest.approx(1 / 0.95, rel=0.02)
    assert found.dispersion == pytest.approx(0.95, rel=0.15)


def test_bursts_show_where_the_rate_does_not() -> None:
    """The same rate in stalls of 20: P(miss | miss) and the dispersion tell them apart."""
    stalls = np.zeros(100_000)
    for start in np.random.default_rng(1).choice(99_000, size=250, replace=False):
        stalls[start : start + 20] = 1.0
    found = burstiness(stalls, 0.5)
    assert found.miss_rate == pytest.approx(0.05, abs=0.003)
    assert found.repeat_rate is not None
    assert found.repeat_rate > 0.9
    assert found.mean_run is not None
    assert found.mean_run >= 20
    assert found.dispersion is not None
    assert found.dispersion > 10


def test_nothing_to_tell_from() -> None:
    """Without misses, or with one at the end, rates of repetition are unknown and not 0."""
    quiet = burstiness([0.0] * 300, 0.5)
    assert (quiet.miss_rate, quiet.repeat_rate, quiet.mean_run, quiet.dispersion) == (0.0, None, None, None)
    last = burstiness([0.0, 0.0, 1.0], 0.5)
    assert (last.repeat_rate, last.mean_run, last.dispersion) == (None, 1.0, None)


def test_a_value_at_the_limit_keeps_it() -> None:
    """Only what is above a deadline misses it."""
    assert burstiness([1.0, 1.0], 1.0).misses == 0


def test_wrong_series_are_refused() -> None:
    """An empty series has no rate, a window of one no dispersion."""
    with pytest.raises(FitError, match="expected one row of at least 1"):
        burstiness([], 1.0)
    with pytest.raises(FitError, match="windows of 1 requests"):
        burstiness([1.0], 1.0, window=1)
