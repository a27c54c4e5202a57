"""The contract's two margins as tails."""

from __future__ import annotations

import math

import pytest

from joulecut_core.errors import FitError
from joulecut_planner.tails.moments import MomentTail
from joulecut_planner.tails.tail import TailMethod


def tail(method: TailMethod, samples: int = 30) -> MomentTail:
    """Ten milliseconds, give or take two."""
    return MomentTail(method=method, samples=samples, mean=0.010, std=0.002)


def test_margins_are_the_contracts() -> None:
    """mean + z std with the factors that the planning contract states."""
    assert tail(TailMethod.GAUSSIAN).quantile(0.99) == pytest.approx(0.010 + 2.3263479 * 0.002)
    assert tail(TailMethod.CANTELLI).quantile(0.99) == pytest.approx(0.010 + math.sqrt(99.0) * 0.002)


def test_thirty_samples_are_the_least() -> None:
    """A spread of fewer samples is too uncertain to promise a share with; the message says how many."""
    assert tail(TailMethod.GAUSSIAN).least_samples(0.999) == 30
    with pytest.raises(FitError, match=r"29 samples for the gaussian estimate of quantile 0\.99; expected at least 30"):
        tail(TailMethod.GAUSSIAN, samples=29).quantile(0.99)


@pytest.mark.parametrize("quantile", [0.5, 1.0, -1.0, math.nan])
def test_other_quantiles_are_refused(quantile: float) -> None:
    """Margins are for quantiles above the median and below certainty."""
    with pytest.raises(FitError, match=r"expected more than 0\.5 and less than 1"):
        tail(TailMethod.CANTELLI).quantile(quantile)


def test_methods_without_moments_are_refused() -> None:
    """A mean and a spread say nothing about order statistics."""
    with pytest.raises(FitError, match="'empirical'"):
        tail(TailMethod.EMPIRICAL)
