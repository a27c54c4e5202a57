"""What callers give public functions: refused by type, with the value and what to do."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from joulecut_core.argument_types import expect_member, expect_numbers, expect_path, expect_time_limit, expect_type
from joulecut_core.errors import ConfigError


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


@pytest.mark.parametrize("given", [np.float32(2.5), np.float16(2.5), Fraction(5, 2), 2.5])
def test_a_time_limit_is_pythons_own_number(given: object) -> None:
    """One of fewer bits would be added to the time of day in its own precision, which is minutes."""
    limit_s = expect_time_limit("timeout_s", given)
    assert (type(limit_s), limit_s) == (float, 2.5)


@pytest.mark.parametrize("given", [math.inf, 1e300, 10**400, np.float64("inf"), None])
def test_no_time_limit_is_one_that_clocks_can_count(given: object) -> None:
    """Decades from now are no moment of the past to anybody."""
    assert 1e8 < expect_time_limit("timeout_s", given) < 2**62 / 1e9


@pytest.mark.parametrize("given", [0, -1.0, math.nan, -math.inf, -(10**400)])
def test_no_time_at_all(given: float) -> None:
    """Nobody would be asked, and blamed for not answering."""
    with pytest.raises(ConfigError, match=r"^timeout_s: .*; expected seconds above 0$"):
        expect_time_limit("timeout_s", given)


@pytest.mark.parametrize("given", ["a/b.json", Path("a/b.json"), PurePosixPath("a/b.json")])
def test_paths(given: object) -> None:
    """Text and whatever is a path."""
    assert expect_path("path", given, "of a file") == Path("a/b.json")


@pytest.mark.parametrize("given", [5, None, True, 1.5, b"a.json", [], {}])
def test_what_is_no_path(given: object) -> None:
    """The argument, the value, its type, and which path it is about."""
    with pytest.raises(TypeError, match=rf"^path: .* is of type {type(given).__name__}; expected a path: of a plan$"):
        expect_path("path", given, "of a plan")


@pytest.mark.parametrize("given", ["", "a\0b"])
def test_what_no_file_is_called(given: str) -> None:
    """An empty setting is not the folder that one is in."""
    with pytest.raises(ConfigError, match="is the name of no file; expected a path: of a plan"):
        expect_path("path", given, "of a plan")


class _Course(str, Enum):
    STRAIGHT = "straight"


def test_the_word_behind_a_member_is_none() -> None:
    """It is equal to the member and not it: a function that asks which it is would take the other way in silence."""
    expect_member("course", _Course.STRAIGHT, _Course)
    with pytest.raises(
        TypeError, match=r"^course: 'straight' is of type str; expected _Course: _Course\.STRAIGHT, of "
    ):
        expect_member("course", "straight", _Course)
