"""Made-up arrivals have the statistics that their names promise, and come again by their seed."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace


@pytest.mark.parametrize("kind", list(MadeTrace))
def test_a_seed_makes_one_trace(kind: MadeTrace) -> None:
    """The same arrivals for the same seed; others for another, unless nothing is left to chance."""
    one, again, other = (made_trace(kind, 200, seed).sent_s.tolist() for seed in (3, 3, 4))
    assert one == again
    assert (one == other) is (kind is MadeTrace.PERIODIC)
    assert len(one) == 200
    assert one[0] == 0.0


@pytest.mark.parametrize(
    ("kind", "variation", "tolerance"),
    [(MadeTrace.PERIODIC, 0.0, 1e-9), (MadeTrace.POISSON, 1.0, 0.03)],
)
def test_gaps_vary_as_they_should(kind: MadeTrace, variation: float, tolerance: float) -> None:
    """Rate 1; not at all, or as an exponential law does."""
    trace = made_trace(kind, 20_000, 1)
    assert trace.rate_hz == pytest.approx(1.0, rel=0.03)
    assert trace.gap_variation == pytest.approx(variation, abs=tolerance)


def test_bursts_have_the_variation_asked_for() -> None:
    """Over many bursts the gaps' coefficient of variation is near 10, and the mean rate near 1."""
    trace = made_trace(MadeTrace.BURSTY, 400_000, 1, gap_variation=10.0)
    assert trace.gap_variation == pytest.approx(10.0, rel=0.1)
    assert trace.rate_hz == pytest.approx(1.0, rel=0.1)
    assert np.median(np.diff(trace.sent_s)) == pytest.approx(np.log(2.0) / 5.0, rel=0.05)


def test_days_swing() -> None:
    """The busiest quarter of a day has several times the arrivals of the quietest."""
    trace = made_trace(MadeTrace.DIURNAL, 40_000, 1)
    quarter = np.floor(trace.sent_s / 2500.0).astype(int) % 4
    counts = np.bincount(quarter[trace.sent_s < 40_000.0], minlength=4)
    assert counts[:2].sum() > 2.5 * counts[2:].sum()
    assert trace.rate_hz == pytest.approx(1.0, rel=0.03)


def test_what_cannot_be_made_is_refused() -> None:
    """Bursts vary more than a Poisson process; a trace has two requests at least."""
    with pytest.raises(ValueError, match="more than 1"):
        made_trace(MadeTrace.BURSTY, 10, 1, gap_variation=1.0)
    with pytest.raises(ValueError, match="expected at least 2"):
        made_trace(MadeTrace.POISSON, 1, 1)
