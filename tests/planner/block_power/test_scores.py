"""Scores against scikit-learn's own and against what they must be at the ends."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_planner.block_power.scores import scores_of

METERED = np.array([4.0, 5.0, 6.0, 20.0, 21.0, 22.0])
POINT = np.array([0, 0, 0, 1, 1, 1])


def test_perfect_predictions() -> None:
    """All errors are 0 and everything is explained."""
    scores = scores_of(METERED, METERED, POINT)
    assert (scores.r2, scores.r2_at_clock, scores.rmse_w, scores.p95_error) == (1.0, 1.0, 0.0, 0.0)


def test_the_mean_of_each_clock_explains_much_and_adds_nothing() -> None:
    """R^2 looks splendid where only the clock was learned; R^2 at one clock says so."""
    scores = scores_of(np.array([5.0] * 3 + [21.0] * 3), METERED, POINT)
    assert scores.r2 > 0.98
    assert scores.r2_at_clock == 0.0


def test_against_another_implementation() -> None:
    """R^2 and RMSE are those that everybody reports."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    predicted = METERED + np.array([0.5, -1.0, 0.1, 2.0, 0.0, -3.0])
    scores = scores_of(predicted, METERED, POINT)
    assert scores.r2 == pytest.approx(metrics.r2_score(METERED, predicted))
    assert scores.rmse_w == pytest.approx(metrics.mean_squared_error(METERED, predicted) ** 0.5)
    assert scores.median_error == pytest.approx(np.median([0.125, 0.2, 0.1 / 6, 0.1, 0.0, 3 / 22]))


def test_nothing_to_explain() -> None:
    """Equal watts have no spread; a score of them is 0 and not a division by it."""
    flat = np.full(4, 7.0)
    assert scores_of(flat + 1.0, flat, np.zeros(4, dtype=np.int64)).r2 == 0.0
