"""Joules over a window, read from a meter that changes only now and then.

    begin()            wait for the meter to tick, remember (time, joules)
    ... work ...       many meter periods
    end()              wait for the next tick, subtract

Aligning both ends to a tick makes the error of a window independent of the meter's period
(facts: counters update every 10-100 ms; an unaligned window is off by up to one period's energy).
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

_POLLS_PER_PERIOD = 8
_PATIENCE_PERIODS = 20
"""A meter that stands still for this many of its own periods is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """The meter's value at the instant it changed; `busy_s`: seconds that parts of networks had taken until then."""

    time_s: float
    energy_j: float
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyWindow:
    """Joules drawn between two ticks of a meter, and how far apart they are in seconds."""

    duration_s: float
    energy_j: float

    @property
    def power_w(self) -> float:
        """Mean draw over the window."""
        return self.energy_j / self.duration_s


def read_at_tick(device: Device, clock: Clock) -> EnergyReading:
    """Wait until the device's meter changes and return its value then.

    Raises DeviceError where the device has no meter or the meter stands still.
    """
    period_s = device.info.meter_period_s
    first_j = device.state().energy_j
    if period_s is None or first_j is None:
        raise DeviceError(f"{device.info.name} has no energy meter; plan from estimated power instead")
    step_s = period_s / _POLLS_PER_PERIOD
    start_s = clock.now_s()
    for poll in range(1, _PATIENCE_PERIODS * _POLLS_PER_PERIOD + 1):
        clock.sleep_until_s(start_s + poll * step_s)
        state = device.state()
        if state.energy_j is not None and state.energy_time_s is not None and state.energy_j != first_j:
            return EnergyReading(time_s=state.energy_time_s, energy_j=state.energy_j)
    raise DeviceError(
        f"the energy meter of {device.info.name} stood at {first_j} J for {_PATIENCE_PERIODS * period_s:g} s; "
        f"expected a change every {period_s:g} s"
    )


def window_between(begin: EnergyReading, end: EnergyReading) -> EnergyWindow:
    """The window between two readings of one meter."""
    return EnergyWindow(duration_s=end.time_s - begin.time_s, energy_j=end.energy_j - begin.energy_j)
