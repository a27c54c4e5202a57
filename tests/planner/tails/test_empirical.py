"""Order statistics that keep their promise for every distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.tails.empirical import EmpiricalTail


def of(count: int) -> EmpiricalTail:
    """The numbers 1 to `count`."""
    return EmpiricalTail(ordered=tuple(float(value) for value in range(1, count + 1)))


def test_known_ranks() -> None:
    """k = ceil((n + 1) q), exact where rounding would make (n + 1) q a hair more than whole."""
    assert of(299).quantile(0.99) == 297.0
    assert of(399).quantile(0.9) == 360.0
    assert of(399).quantile(0.95) == 380.0


def test_least_samples_are_wilks() -> None:
    """With 299 samples the highest is above the 99th percentile with 95 % confidence, with 298 it is not."""
    assert of(1).least_samples(0.99) == 299
    assert 1.0 - 0.99**299 >= 0.95 > 1.0 - 0.99**298
    assert of(1).least_samples(0.999) == 2995
    with pytest.raises(
        FitError, match=r"298 samples for the empirical estimate of quantile 0\.99; expected at least 299"
    ):
        of(298).quantile(0.99)


@given(st.integers(20, 2000), st.floats(0.51, 0.995))
def test_expected_exceedance_keeps_the_promise(count: int, quantile: float) -> None:
    """Of a further sample's count + 1 equally likely ranks, at most a share of 1 - q is above the estimate."""
    tail = of(count)
    if count < tail.least_samples(quantile):
        return
    rank = tail.quantile(quantile)
    assert 1.0 - rank / (count + 1) <= 1.0 - quantile + 1e-9
    assert rank == 1.0 or 1.0 - (rank - 1.0) / (count + 1) > 1.0 - quantile - 1e-9


def test_exceedances_of_fresh_samples() -> None:
    """Over many series the share of fresh exponential samples above the estimate averages to the promised 1 %."""
    rng = np.random.default_rng(7)
    shares = [
        math.exp(-EmpiricalTail(ordered=tuple(np.sort(rng.exponential(size=299)).tolist())).quantile(0.99))
        for _ in range(400)
    ]
    assert np.mean(shares) == pytest.approx(0.01, rel=0.1)
