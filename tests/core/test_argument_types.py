"""What callers give public functions: refused by type, with the value and what to do."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from joulecut_core.argument_types import expect_numbers, expect_type


def test_of_the_type() -> None:
    """One of several types will do."""
    expect_type("text", "a", str, "write one")
    expect_type("place", "a", (int, str), "write one")


def test_of_another_type() -> None:
    """The message names the argument, the value, its type, what was expected and how to come by it."""
    with pytest.raises(TypeError, match=r"^text: 5 is of type int; expected str or bytes: write one$"):
        expect_type("text", 5, (str, bytes), "write one")


@pytest.mark.parametrize("number", [0, -1.5, np.float32(2.0), np.int64(3), Fraction(1, 3), None])
def test_numbers(number: object) -> None:
    """Python's, numpy's, and none where one may be left out."""
    expect_numbers(rate_hz=number)


@pytest.mark.parametrize("value", ["20e6", True, [1.0], Decimal(1), 1j])
def test_no_numbers(value: object) -> None:
    """Text is the usual mistake; a boolean is none, although Python counts it among its integers."""
    with pytest.raises(TypeError, match=r"^uplink_bps: .* expected a number: write uplink_bps=1\.0"):
        expect_numbers(rtt_s=0.1, uplink_bps=value)
