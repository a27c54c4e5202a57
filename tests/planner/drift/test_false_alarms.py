"""Siegmund's approximation against known run lengths."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.drift import run_length, threshold_for


@pytest.mark.parametrize(("threshold", "length"), [(4.0, 168.0), (5.0, 465.0)])
def test_textbook_lengths(threshold: float, length: float) -> None:
    """Two-sided run lengths at a reference value of 1/2, as tabulated (Montgomery), within 2 %."""
    assert run_length(0.5, threshold) == pytest.approx(length, rel=0.02)


@given(st.floats(0.2, 2.0), st.floats(1.0, 7.0))
def test_threshold_undoes_length(reference: float, log_length: float) -> None:
    """The threshold for a length has that length, or is 0 where even that alarms less often."""
    length = math.pow(10.0, log_length)
    threshold = threshold_for(length, reference)
    if threshold > 1e-9:
        assert run_length(reference, threshold) == pytest.approx(length, rel=1e-6)
    else:
        assert run_length(reference, 0.0) >= length


@pytest.mark.parametrize(("length", "reference"), [(1.0, 0.5), (math.inf, 0.5), (100.0, 0.0)])
def test_senseless_settings_are_refused(length: float, reference: float) -> None:
    """A detector that never alarms or always does is none."""
    with pytest.raises(FitError, match="expected at least 10 and a positive one"):
        threshold_for(length, reference)
