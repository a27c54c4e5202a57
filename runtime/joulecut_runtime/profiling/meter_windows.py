"""Mean watts over windows of a slow meter, while running back to back and while idling at a held clock.

    busy   run run | run run run | run run run | run run | run     the device never rests before the closing tick
                   ^tick         ^tick         ^tick     ^tick
    idle           | waiting ... | waiting ... | ....... |
                   ^tick         ^tick         ^tick     ^tick

A busy window keeps running until the meter ticks: waiting for the tick would book up to a period of idle draw as
busy. Ticks in between cut a window into thirds, and how those differ says how sure the whole is. Where the meter
does not stamp its values, a tick is noticed up to a run too late, and the window lasts long enough to bear it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, EnergyWindow, TickWatch, read_at_tick, window_through
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

_STRETCHES = 3
"""A window is judged by this many parts of itself: two would often agree by chance."""
_LATENESSES = 40
"""A window lasts at least this many times what its ends may be off: at worst 2.5 % of its energy."""


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
            f"{device.info.name} has no energy meter, so its busy and waiting watts cannot be measured; expected a "
            "device with a meter: configure its watts (they are then estimates), profile another one or plan from "
            "tables of your own"
        )
    return period_s


def busy_window(device: Device, clock: Clock, run: Callable[[], float], *, periods: int, runs: int) -> BusyWindow:
    """Run back to back for at least `periods` of the meter and `runs` runs between two ticks.

    `run` computes once and returns its seconds. Raises DeviceError where the meter stands still.
    """
    times_s: list[float] = []
    readings = [_run_to_tick(device, clock, run, times_s)]
    before, begin = len(times_s), readings[0]
    length_s = max((periods - 0.5) * meter_period_s(device), _LATENESSES * begin.late_s)
    for stretch in range(1, _STRETCHES + 1):
        until_s, least = begin.time_s + length_s * stretch / _STRETCHES, (runs - 1) * stretch // _STRETCHES
        while clock.now_s() < until_s or len(times_s) - before < least:
            times_s.append(run())
        readings.append(_run_to_tick(device, clock, run, times_s))
    return BusyWindow(energy=window_through(readings), times_s=tuple(times_s))


def idle_window(device: Device, clock: Clock, *, periods: int) -> EnergyWindow:
    """Do nothing for at least `periods` of the meter between two ticks."""
    readings = [read_at_tick(device, clock)]
    # Half a period short: the wait for the closing tick then ends at that very one and not at the next.
    length_s = max((periods - 0.5) * meter_period_s(device), _LATENESSES * readings[0].late_s)
    for stretch in range(1, _STRETCHES + 1):
        clock.sleep_until_s(readings[0].time_s + length_s * stretch / _STRETCHES)
        readings.append(read_at_tick(device, clock))
    return window_through(readings)


def _run_to_tick(device: Device, clock: Clock, run: Callable[[], float], times_s: list[float]) -> EnergyReading:
    watch, start_s = TickWatch(device), clock.now_s()
    while True:
        times_s.append(run())
        reading = watch.poll()
        if reading is not None:
            return reading
        if watch.stands_still(start_s, clock.now_s()):
            raise watch.broken(doing="work")
