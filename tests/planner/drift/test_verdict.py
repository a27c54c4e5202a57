"""Throttling told apart from model error, and either from the link."""

from __future__ import annotations

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_planner.drift import Conditions, DriftCause, Shift, WatchedPart, judge

ASKED = OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)
LOWER = OperatingPoint(core_mhz=510.0, memory_mhz=2133.0)
SLOW_MEMORY = OperatingPoint(core_mhz=612.0, memory_mhz=665.6)
ROUNDED = OperatingPoint(core_mhz=611.9, memory_mhz=2133.0)
DEVICES = [part for part in WatchedPart if part is not WatchedPart.LINK]


def shift(factor: float) -> Shift:
    """From the predicted level to a factor."""
    return Shift(factor=factor, previous=1.0, samples=8, noise=0.02)


def cause(part: WatchedPart, factor: float, conditions: Conditions | None) -> DriftCause:
    """The verdict's cause at a tolerance of 10 %."""
    return judge(part, shift(factor), conditions, tolerance=0.1).cause


@pytest.mark.parametrize("part", DEVICES)
@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(requested=ASKED, achieved=LOWER),
        Conditions(requested=ASKED, achieved=SLOW_MEMORY),
        Conditions(requested=ASKED, achieved=ASKED, throttle=frozenset({ThrottleReason.THERMAL})),
        Conditions(requested=None, achieved=LOWER, throttle=frozenset({ThrottleReason.POWER_CAP})),
    ],
)
def test_a_device_below_its_clock_is_throttled(part: WatchedPart, conditions: Conditions) -> None:
    """A lower core or memory clock than asked for, or a reason given, explains a slower part."""
    assert cause(part, 1.3, conditions) is DriftCause.THROTTLED


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(requested=ASKED, achieved=ASKED),
        Conditions(requested=ASKED, achieved=ROUNDED),
        Conditions(requested=ASKED, achieved=OperatingPoint(core_mhz=612.0)),
        Conditions(requested=LOWER, achieved=ASKED),
        Conditions(requested=None, achieved=LOWER),
        None,
    ],
)
def test_a_device_at_its_clock_has_wrong_tables(conditions: Conditions | None) -> None:
    """Held, rounded by a driver, above it for another edge's sake, under a governor, or unknown: the model's error."""
    assert cause(WatchedPart.TAIL, 1.3, conditions) is DriftCause.MODEL_ERROR


def test_throttling_makes_nothing_faster() -> None:
    """A part faster than predicted is the model's error, whatever the clock."""
    assert cause(WatchedPart.HEAD, 0.7, Conditions(requested=ASKED, achieved=LOWER)) is DriftCause.MODEL_ERROR


def test_the_link_is_the_link() -> None:
    """No clock explains a crossing; the verdict names no device."""
    verdict = judge(WatchedPart.LINK, shift(2.0), Conditions(requested=ASKED, achieved=LOWER), tolerance=0.1)
    assert (verdict.cause, verdict.conditions) == (DriftCause.LINK, None)


@pytest.mark.parametrize("factor", [0.97, 1.0, 1.04])
@pytest.mark.parametrize("part", WatchedPart)
def test_back_at_the_prediction(part: WatchedPart, factor: float) -> None:
    """A level that holds again is an all-clear, also while the device still gives a reason."""
    throttled = Conditions(requested=ASKED, achieved=LOWER)
    assert cause(part, factor, throttled) is DriftCause.RECOVERED


def test_one_line_for_the_log() -> None:
    """What, by how much, since when, why, and what the device said."""
    conditions = Conditions(requested=ASKED, achieved=LOWER, throttle=frozenset({ThrottleReason.THERMAL}))
    assert str(judge(WatchedPart.HEAD, shift(1.324), conditions, tolerance=0.1)) == (
        "head takes 1.32 times its predicted seconds, 1.00 before, over 8 requests: "
        "throttled (at 510/2133 MHz of 612/2133 MHz, thermal)"
    )
    assert str(judge(WatchedPart.LINK, shift(2.0), None, tolerance=0.1)).endswith("over 8 requests: link")
