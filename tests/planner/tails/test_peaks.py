"""Peaks over a threshold: order statistics below it, a generalised Pareto tail above."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.errors import FitError
from joulecut_planner.tails.moments import MomentTail
from joulecut_planner.tails.peaks import fit_peaks
from joulecut_planner.tails.tail import TailMethod
from tests.planner.tails.latencies import HEAVY, LAWS


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("quantile", [0.995, 0.999, 0.9995])
def test_heavy_tails_are_met_where_three_sigma_is_not(name: str, quantile: float) -> None:
    """On fresh samples misses stay within 2x of the promise on average, where mean + z sigma misses 2.5x and more."""
    law, rng = LAWS[name], np.random.default_rng(11)
    pareto, gaussian = [], []
    for _ in range(40):
        samples = law.draw(rng, 4000)
        pareto.append(law.exceeds(fit_peaks(samples).quantile(quantile)) / (1 - quantile))
        moments = MomentTail(
            method=TailMethod.GAUSSIAN, samples=4000, mean=float(samples.mean()), std=float(samples.std())
        )
        gaussian.append(law.exceeds(moments.quantile(quantile)) / (1 - quantile))
    assert 0.5 < np.mean(pareto) < 2.0
    assert np.mean(gaussian) > 2.5


def test_least_samples() -> None:
    """Thirty excesses above the level, and half a sample expected above the quantile, whichever takes more."""
    tail = fit_peaks(LAWS["exponential"].draw(np.random.default_rng(2), 3100))
    assert tail.least_samples(0.99) == tail.least_samples(0.9995) == 3100
    assert tail.least_samples(0.9999) == 5000
    assert tail.quantile(0.9995) > tail.quantile(0.999)
    with pytest.raises(FitError, match=r"3100 samples for the pareto estimate of quantile 0\.9999; expected at least"):
        tail.quantile(0.9999)


def test_too_few_for_a_threshold() -> None:
    """A series that cannot have thirty excesses is refused with the number it takes; a lower level takes fewer."""
    samples = LAWS["exponential"].draw(np.random.default_rng(2), 3099)
    with pytest.raises(FitError, match=r"3099 samples .* above quantile 0\.99; expected at least 3100"):
        fit_peaks(samples)
    assert fit_peaks(samples, level=0.9).least_samples(0.99) == 310


def test_coarse_clocks_are_refused() -> None:
    """Excesses that the clock rounds to the threshold itself carry no tail."""
    samples = np.round(LAWS["normal"].draw(np.random.default_rng(2), 4000), 1)
    with pytest.raises(FitError, match="finer clock"):
        fit_peaks(samples)


def test_no_step_at_the_threshold() -> None:
    """Body and tail meet: the quantile at the level is the threshold, just above it hardly more."""
    tail = fit_peaks(LAWS["lognormal"].draw(np.random.default_rng(4), 5000))
    assert tail.quantile(0.99) == tail.threshold
    assert tail.quantile(0.99 + 1e-9) == pytest.approx(tail.threshold)
