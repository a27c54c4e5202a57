"""Mean watts over windows of a slow meter, while running back to back and while idling at a held clock.

    busy   run run | run run run ... run run | run     the device never rests before the closing tick
                   ^tick                     ^tick
    idle           | ............ waiting .. |
                   ^tick                     ^tick

A busy window keeps running until the meter ticks: waiting for the tick would book up to a period of
idle draw as busy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, EnergyWindow, read_at_tick, window_between
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

_PATIENCE_PERIODS = 20
"""A meter that stands still for this many of its own periods is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWindow:
    """Energy while running back to back, and the seconds of each run (those before the first tick too)."""

    energy: EnergyWindow
    times_s: tuple[float, ...]


def meter_period_s(device: Device) -> float:
    """Seconds between two changes of the device's meter; raises DeviceError where it has none."""
    period_s = device.info.meter_period_s
    if period_s is None:
        raise DeviceError(
            f"{device.info.name} has no energy meter, so its busy and waiting watts cannot be measured; "
            "expected a device with a meter: profile another one or plan from tables of your own"
        )
    return period_s


def busy_window(device: Device, clock: Clock, run: Callable[[], float], *, periods: int, runs: int) -> BusyWindow:
    """Run back to back for at least `periods` of the meter and `runs` runs between two ticks.

    `run` computes once and returns its seconds. Raises DeviceError where the meter stands still.
    """
    times_s: list[float] = []
    period_s = meter_period_s(device)
    begin = _run_to_tick(device, clock, run, times_s)
    before = len(times_s)
    while clock.now_s() < begin.time_s + (periods - 0.5) * period_s or len(times_s) - before < runs - 1:
        times_s.append(run())
    end = _run_to_tick(device, clock, run, times_s)
    return BusyWindow(energy=window_between(begin, end), times_s=tuple(times_s))


def idle_window(device: Device, clock: Clock, *, periods: int) -> EnergyWindow:
    """Do nothing for at least `periods` of the meter between two ticks."""
    period_s = meter_period_s(device)
    begin = read_at_tick(device, clock)
    # Half a period short: the wait for the closing tick then ends at that very one and not at the next.
    clock.sleep_until_s(begin.time_s + (periods - 0.5) * period_s)
    return window_between(begin, read_at_tick(device, clock))


def _run_to_tick(device: Device, clock: Clock, run: Callable[[], float], times_s: list[float]) -> EnergyReading:
    period_s = meter_period_s(device)
    first_j = device.state().energy_j
    start_s = clock.now_s()
    while True:
        times_s.append(run())
        state = device.state()
        if state.energy_j is not None and state.energy_time_s is not None and state.energy_j != first_j:
            return EnergyReading(time_s=state.energy_time_s, energy_j=state.energy_j)
        if clock.now_s() - start_s > _PATIENCE_PERIODS * period_s:
            raise DeviceError(
                f"the energy meter of {device.info.name} stood at {first_j} J for {_PATIENCE_PERIODS * period_s:g} s "
                f"of work; expected a change every {period_s:g} s"
            )
