"""An estimate judged by samples it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.errors import FitError
from joulecut_planner.tails import TailMethod, hold_out
from tests.planner.tails.latencies import LAWS


def test_a_good_estimate_is_near_one() -> None:
    """An order statistic of a steady series is exceeded about as often as promised."""
    samples = LAWS["lognormal"].draw(np.random.default_rng(3), 20_000)
    found = hold_out(samples, TailMethod.EMPIRICAL, 0.99)
    assert (found.tested, found.method, found.quantile) == (20_000, TailMethod.EMPIRICAL, 0.99)
    assert found.promised == pytest.approx(200.0)
    assert found.ratio == pytest.approx(1.0, abs=0.25)


def test_a_bad_estimate_shows() -> None:
    """A normal margin on a heavy tail is exceeded several times as often as promised."""
    samples = LAWS["pareto with shape 0.3"].draw(np.random.default_rng(3), 20_000)
    assert hold_out(samples, TailMethod.GAUSSIAN, 0.999).ratio > 5
    assert hold_out(samples, TailMethod.PARETO, 0.999).ratio < 2


def test_a_change_of_regime_shows() -> None:
    """Halves are taken in time, so a series that got slower half-way fails where shuffled halves would pass."""
    samples = LAWS["normal"].draw(np.random.default_rng(3), 4000)
    samples[2000:] *= 1.2
    assert hold_out(samples, TailMethod.EMPIRICAL, 0.99).ratio > 20


def test_each_half_must_suffice() -> None:
    """The first half alone makes the estimate: 400 samples are 200, too few for the 99th percentile."""
    with pytest.raises(FitError, match="200 samples"):
        hold_out(LAWS["normal"].draw(np.random.default_rng(3), 400), TailMethod.EMPIRICAL, 0.99)
