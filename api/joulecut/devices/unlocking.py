"""What a device runs at once nobody holds its clocks any more."""

from __future__ import annotations

from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.timing import Clock

_UNLOCKING_S = 0.1
"""Longer than boards need to leave a clock, so that the reading is not of the lock."""


def point_once_free(state: Callable[[], DeviceState], clock: Clock) -> OperatingPoint:
    """The clocks a moment after they were freed. Raises DeviceError where the device has vanished."""
    clock.sleep_until_s(clock.now_s() + _UNLOCKING_S)
    return state().point
