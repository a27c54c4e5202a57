"""Measurements check themselves, and a series is one series."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from joulecut_core.errors import FitError
from joulecut_planner.fits.measurements import check_series, on_gpu_board
from tests.planner.fits.boards import board


@pytest.mark.parametrize("name", ["core_mhz", "memory_mhz", "latency_s", "power_w"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_numbers_are_finite_and_above_zero(name: str, value: float) -> None:
    """Logarithms are taken of all of them: nothing else can be fitted."""
    with pytest.raises(FitError, match=f"{name}: {value}; expected a finite number above 0"):
        replace(board()[0], **{name: value})  # type: ignore[arg-type]


def test_one_series() -> None:
    """Two series are refused by name; rows without one join any."""
    rows = board()
    check_series([*rows[1:], replace(rows[0], series=None)])
    with pytest.raises(FitError, match="two or more series: made-up, other"):
        check_series([*rows, replace(rows[0], series="other")])


def test_one_power_scope() -> None:
    """Watts of two scopes never meet in a fit; a scope without watts says nothing."""
    rows = board()
    check_series([*rows, replace(rows[0], power_scope="wall", power_w=None)])
    with pytest.raises(FitError, match="two or more power scopes: module, wall"):
        check_series([*rows, replace(rows[0], power_scope="wall")])


@pytest.mark.parametrize(
    ("scope", "card"),
    [
        ("GPU board", True),
        ("gpu_board", True),
        ("GPU board + host (configured 85 W)", True),
        ("gpu_rail", False),
        ("module input", False),
        (None, False),
    ],
)
def test_a_graphics_card_is_told_by_its_watts(scope: str | None, card: bool) -> None:
    """What a meter sees says whether the device is a graphics card, however the scope is spelt."""
    assert on_gpu_board([replace(row, power_scope=scope) for row in board()]) is card


def test_memory_clock_known_of_all_or_none() -> None:
    """A row whose memory clock is unknown cannot be placed beside rows that tell it."""
    with pytest.raises(FitError, match="memory clock is known of some"):
        check_series([*board(), *board(memories_mhz=(1600.0,))])
