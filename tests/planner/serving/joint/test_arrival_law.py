"""The chain of a filling queue has the moments of the arrivals that fill it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from joulecut_planner.serving.joint.arrival_law import REGULAR, age_after_loss, arrival_law

_STEP_S = 1e-3


def test_a_free_queue_fills_like_poisson() -> None:
    """With room and time for all, the counts after any number of steps are Poisson's, and nothing is lost."""
    law = arrival_law(150.0, 1.0, step_s=_STEP_S, most=30, ages=41, steps=40)
    for steps in (1, 10, 40):
        counts = law.occupied[steps].sum(axis=1)
        assert counts == pytest.approx(stats.poisson(150.0 * _STEP_S * steps).pmf(np.arange(31)), abs=1e-9)
    assert law.lost[40] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("dispersion", [1.0, 3.0, 9.0])
def test_clusters_have_the_dispersion_asked_for(dispersion: float) -> None:
    """Variance over mean of a step's arrivals; probabilities sum to one."""
    law = arrival_law(200.0, dispersion, step_s=_STEP_S, most=150, ages=3, steps=2)
    counts = np.arange(151)
    mean = law.first @ counts
    assert law.first.sum() == pytest.approx(1.0)
    assert mean == pytest.approx(0.2, rel=1e-6)
    assert (law.first @ counts**2 - mean**2) / mean == pytest.approx(dispersion, rel=1e-3)


@pytest.mark.parametrize("dispersion", [REGULAR, 1.0, 4.0])
def test_requests_are_conserved(dispersion: float) -> None:
    """Whoever came waits or is lost, with little room and ages that run out."""
    law = arrival_law(400.0, dispersion, step_s=_STEP_S, most=5, ages=8, steps=30)
    assert law.occupied.sum(axis=(1, 2)) == pytest.approx(np.ones(31))
    waiting = (law.occupied.sum(axis=2) * np.arange(6)).sum(axis=1)
    came = waiting + law.lost
    assert (np.diff(law.lost) >= -1e-12).all()
    if dispersion >= 1.0:
        assert came == pytest.approx(400.0 * _STEP_S * np.arange(31), rel=1e-6)


def test_regular_arrivals_come_when_they_are_due() -> None:
    """One waits, ten steps are a gap: hardly anybody after three steps, somebody by fifteen."""
    law = arrival_law(100.0, 0.0, step_s=_STEP_S, most=6, ages=30, steps=29)
    assert law.later(3)[0][1, 1] > 0.99
    assert law.later(15)[0][1, 2:].sum() > 0.95
    assert law.later(15)[0][1, 3:].sum() < 0.1


def test_the_next_oldest_takes_the_place() -> None:
    """Of n that came evenly, the second is n - 1 nths as old as the first; of one, nobody is left."""
    assert age_after_loss(4, 20) == 15
    assert age_after_loss(1, 20) == 0
