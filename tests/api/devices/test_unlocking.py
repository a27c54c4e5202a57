"""What a device is said to run at once it is free."""

from __future__ import annotations

from joulecut.devices.unlocking import point_once_free
from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import ManualClock
from tests.fakes.hardware import FakeHardware, FakeProbe


def test_the_lock_is_not_what_is_shown() -> None:
    """A board takes milliseconds to leave a clock."""
    hardware = FakeHardware(clock=ManualClock())
    probe = FakeProbe(hardware)
    hardware.set(OperatingPoint(core_mhz=1200.0, memory_mhz=2000.0))
    hardware.clock.advance_s(1.0)
    hardware.set(None)
    assert probe.read().point.core_mhz == 1200.0
    assert point_once_free(probe.read, hardware.clock).core_mhz == 300.0
