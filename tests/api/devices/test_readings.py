"""Readings of a device, one after the other."""

from __future__ import annotations

import math

import pytest

from joulecut.devices.readings import Holding, Pace, Story
from joulecut.devices.stopping import Stopping
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.timing import ManualClock
from tests.fakes.hardware import FakeHardware, opened

TOP = OperatingPoint(core_mhz=1200.0, memory_mhz=2000.0)


def test_joules_and_seconds_count_from_the_first_reading() -> None:
    """A counter that runs since the driver was loaded starts at zero here."""
    clock = ManualClock(100.0)
    hardware = FakeHardware(clock=clock, energy_j=5e6, tick_j=5e6)
    story = Story(opened(hardware).state, clock, lambda: None)
    first = story.read()
    clock.advance_s(2.0)
    second = story.read()
    assert (first.elapsed_s, first.energy_j) == (0.0, 0.0)
    assert second.elapsed_s == 2.0
    assert second.energy_j == pytest.approx(2.0 * hardware.power_w(clock.now_s()), rel=0.02)
    assert (second.requested, second.holder) == (None, None)


def test_asked_for_and_run_stand_side_by_side() -> None:
    """A power cap shows: what was requested, what runs, and why."""
    clock = ManualClock()
    hardware = FakeHardware(clock=clock, ceiling_mhz=900.0)
    device = opened(hardware)
    with device.lease(TOP):
        reading = Story(device.state, clock, lambda: Holding(point=TOP, holder="edge-agent")).read()
    assert reading.requested == TOP
    assert reading.achieved == OperatingPoint(core_mhz=900.0, memory_mhz=2000.0)
    assert reading.throttle == (ThrottleReason.POWER_CAP,)
    assert reading.holder == "edge-agent"


def test_a_device_without_a_meter_has_no_joules() -> None:
    """No figure is better than zero."""
    clock = ManualClock()
    reading = Story(opened(FakeHardware(clock=clock, period_s=None)).state, clock, lambda: None).read()
    assert (reading.energy_j, reading.power_w) == (None, None)


def test_a_device_that_vanishes_says_so() -> None:
    """Watching ends with the device's own words."""
    clock = ManualClock()
    hardware = FakeHardware(clock=clock)
    story = Story(opened(hardware).state, clock, lambda: None)
    story.read()
    hardware.vanished = True
    with pytest.raises(DeviceError, match="fallen off the bus"):
        story.read()


def ticks_s(pace: Pace, *, each_takes_s: float = 0.0, stop_after: int | None = None) -> list[float]:
    """When readings are due on a clock that begins at 0."""
    clock, stopping, times_s = ManualClock(), Stopping(), []
    for number in pace.ticks(clock, stopping):
        times_s.append(clock.now_s())
        clock.advance_s(each_takes_s)
        if number == stop_after:
            stopping.ask()
    return [*times_s, clock.now_s()]


@pytest.mark.parametrize(
    ("pace", "takes_s", "expected"),
    [
        (Pace(interval_s=0.5, count=3), 0.1, [0.0, 0.5, 1.0, 1.1]),
        (Pace(interval_s=0.5, for_s=1.2), 0.0, [0.0, 0.5, 1.0, 1.2]),
        # Too slow for its interval: at once, without catching up.
        (Pace(interval_s=0.5, count=3), 2.0, [0.0, 2.0, 4.0, 6.0]),
        (Pace(interval_s=9.0, for_s=0.3), 0.0, [0.0, 0.3]),
    ],
)
def test_pace(pace: Pace, takes_s: float, expected: list[float]) -> None:
    """Due at multiples of the interval; the last value is when it ended."""
    assert ticks_s(pace, each_takes_s=takes_s) == pytest.approx(expected)


def test_pace_ends_when_asked() -> None:
    """Ctrl-C does not wait for the next reading."""
    assert ticks_s(Pace(interval_s=10.0), stop_after=1) == [0.0, 10.0, 10.0]


@pytest.mark.parametrize(
    "wrong", [{"interval_s": wrong} for wrong in (0.0, -1.0, math.nan, math.inf)] + [{"for_s": 0.0}]
)
def test_what_is_no_pace(wrong: dict[str, float]) -> None:
    """An interval of nothing would spin, and one of infinity is none that a clock can wait for."""
    with pytest.raises(ConfigError, match="expected seconds above 0"):
        Pace(**wrong)  # type: ignore[arg-type]
