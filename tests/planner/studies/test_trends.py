"""Many measurements in one number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_planner.studies import clock_sensitivity, rank_correlation, weighted_variation


@given(st.lists(st.integers(-1000, 1000).map(float), min_size=3, max_size=20, unique=True))
def test_ranks_only_see_the_order(values: list[float]) -> None:
    """Any rising function of the values correlates fully, any falling one against them."""
    assert rank_correlation(values, [value**3 + value for value in values]) == pytest.approx(1.0)
    assert rank_correlation(values, [-value for value in values]) == pytest.approx(-1.0)


def test_too_little_to_rank_is_said() -> None:
    """Two points always agree perfectly, constants never: neither says anything."""
    assert rank_correlation([1.0, 2.0], [1.0, 2.0]) is None
    assert rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    with pytest.raises(ValueError, match="pairs"):
        rank_correlation([1.0], [1.0, 2.0])


def test_variation_weighs_and_has_no_unit() -> None:
    """100 W for a tenth of the time beside 50 W: 15 W around 55 W, in watts or milliwatts."""
    assert weighted_variation([100.0, 50.0], [0.1, 0.9]) == pytest.approx(15 / 55)
    assert weighted_variation([1e5, 5e4], [1.0, 9.0]) == pytest.approx(15 / 55)
    assert weighted_variation([7.0, 7.0], [1.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match="positive weight"):
        weighted_variation([1.0], [0.0])
    with pytest.raises(ValueError, match="mean is 0"):
        weighted_variation([0.0], [1.0])


@given(st.floats(0.0, 2.0), st.floats(1.1, 8.0))
def test_sensitivity_recovers_the_exponent(exponent: float, ratio: float) -> None:
    """t = f^-b gives b: 1 for what the clock sets, 0 for what it does not touch."""
    assert clock_sensitivity(100.0, 1.0, 100.0 * ratio, ratio**-exponent) == pytest.approx(exponent, abs=1e-9)


def test_one_clock_has_no_sensitivity() -> None:
    """A division by nothing is refused rather than infinite."""
    with pytest.raises(ValueError, match="two clocks"):
        clock_sensitivity(100.0, 1.0, 100.0, 1.0)
