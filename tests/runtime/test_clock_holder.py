"""Holding one operating point at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clock_holder import ClockHolder
from joulecut_runtime.devices.emulated import EmulatedDevice
from tests.runtime.devices.device_files import quiet_file

LOW = OperatingPoint(core_mhz=100, memory_mhz=1000)
HIGH = OperatingPoint(core_mhz=400, memory_mhz=1000)


@pytest.fixture(name="device")
def _device() -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=ManualClock())
    yield device
    device.close()


def test_hold_move_drop_and_take_again(device: EmulatedDevice) -> None:
    """One lease serves all moves; dropping it frees the device, and it can be taken again."""
    holder = ClockHolder(device)
    assert holder.held is None
    assert holder.hold(LOW) == holder.held == LOW
    assert holder.hold(HIGH) == holder.held == device.state().point == HIGH
    with pytest.raises(LeaseError, match="are leased at 400/1000 MHz"), device.lease(LOW):
        pass
    assert (holder.hold(None), holder.held) == (None, None)
    with device.lease(LOW):
        pass
    assert holder.hold(HIGH) == HIGH


def test_dropping_nothing_is_no_error(device: EmulatedDevice) -> None:
    """Releasing twice, or before anything was held, changes nothing."""
    holder = ClockHolder(device)
    assert holder.hold(None) is None
    holder.hold(LOW)
    holder.hold(None)
    assert holder.hold(None) is None


def test_the_same_point_again_does_not_wait_for_a_move() -> None:
    """A plan that keeps the clock costs no settling time between two requests."""
    clock = ManualClock()
    holder = ClockHolder(EmulatedDevice(quiet_file(), clock=clock))
    holder.hold(HIGH)
    held_s = clock.now_s()
    assert holder.hold(OperatingPoint(core_mhz=400.001, memory_mhz=1000)) == HIGH
    assert clock.now_s() == held_s


def test_a_clock_off_the_table_keeps_what_is_held(device: EmulatedDevice) -> None:
    """A wrong clock is refused before anything moves, with and without a lease."""
    holder = ClockHolder(device)
    wrong = OperatingPoint(core_mhz=250, memory_mhz=1000)
    with pytest.raises(ClockError, match="250/1000 MHz is not on the clock table"):
        holder.hold(wrong)
    assert holder.held is None
    holder.hold(LOW)
    with pytest.raises(ClockError, match="250/1000 MHz is not on the clock table"):
        holder.hold(wrong)
    assert holder.held == device.state().point == LOW


def test_somebody_elses_lease(device: EmulatedDevice) -> None:
    """A device in other hands is refused, and can be held once it is free."""
    holder = ClockHolder(device)
    with device.lease(LOW), pytest.raises(LeaseError):
        holder.hold(HIGH)
    assert holder.held is None
    assert holder.hold(HIGH) == HIGH


def test_a_clock_that_is_not_reached_is_reported(device: EmulatedDevice, caplog: pytest.LogCaptureFixture) -> None:
    """Asked for is not achieved: the caller gets what the device runs at, and the log says so."""
    device.throttle_to(200)
    holder = ClockHolder(device)
    with caplog.at_level(logging.WARNING):
        assert holder.hold(HIGH) == OperatingPoint(core_mhz=200, memory_mhz=1000)
    assert holder.held == HIGH
    assert "asked for 400/1000 MHz, running at 200/1000 MHz" in caplog.text
