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

import logging
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, EnergyWindow, TickWatch, read_at_tick, window_through
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

_LOG = logging.getLogger(__name__)

_STRETCHES = 3
"""A window is judged by this many parts of itself: two would often agree by chance."""
_PAUSE, _PAUSE_STEPS = 0.5, 10.0
"""A step that lasts longer than this share of a window, and so many usual ones, is a pause and no run."""
_TRIES = 3
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

    `run` computes once and returns its seconds. A window in which this process was stopped is measured again, as its
    device has rested. Raises DeviceError where the meter stands still.
    """
    left = _TRIES
    while True:
        window, paused_s = _window_and_pause(device, clock, run, periods=periods, runs=runs)
        left -= 1
        if paused_s == 0.0:
            return window
        _LOG.warning(
            "%s rested for %.3g s while its draw at work was measured: this process was stopped, or is starved; %s",
            device.info.name,
            paused_s,
            "measuring it again" if left else "what is kept of it is too low",
        )
        if not left:
            return window


def _window_and_pause(
    device: Device, clock: Clock, run: Callable[[], float], *, periods: int, runs: int
) -> tuple[BusyWindow, float]:
    """A window, and for how long its device rested in it: 0 without a pause of this process that weighs."""
    back_to_back = _BackToBack(clock, run)
    readings = [_run_to_tick(device, clock, back_to_back)]
    before, begin = len(back_to_back.times_s), readings[0]
    length_s = max((periods - 0.5) * meter_period_s(device), _LATENESSES * begin.late_s)
    for stretch in range(1, _STRETCHES + 1):
        until_s, least = begin.time_s + length_s * stretch / _STRETCHES, (runs - 1) * stretch // _STRETCHES
        while clock.now_s() < until_s or len(back_to_back.times_s) - before < least:
            back_to_back.once()
        readings.append(_run_to_tick(device, clock, back_to_back))
    longest_s = max(back_to_back.steps_s[before:])
    is_pause = longest_s > max(_PAUSE * length_s, _PAUSE_STEPS * statistics.median(back_to_back.steps_s))
    window = BusyWindow(energy=window_through(readings), times_s=tuple(back_to_back.times_s))
    return window, longest_s if is_pause else 0.0


def idle_window(device: Device, clock: Clock, *, periods: int) -> EnergyWindow:
    """Do nothing for at least `periods` of the meter between two ticks."""
    readings = [read_at_tick(device, clock)]
    # Half a period short: the wait for the closing tick then ends at that very one and not at the next.
    length_s = max((periods - 0.5) * meter_period_s(device), _LATENESSES * readings[0].late_s)
    for stretch in range(1, _STRETCHES + 1):
        clock.sleep_until_s(readings[0].time_s + length_s * stretch / _STRETCHES)
        readings.append(read_at_tick(device, clock))
    return window_through(readings)


class _BackToBack:
    """Runs one after the other: the seconds of each, and those from the end of the one before to its own."""

    def __init__(self, clock: Clock, run: Callable[[], float]) -> None:
        self.times_s: list[float] = []
        self.steps_s: list[float] = []
        self._clock = clock
        self._run = run
        self._ended_s = clock.now_s()

    def once(self) -> None:
        self.times_s.append(self._run())
        before_s, self._ended_s = self._ended_s, self._clock.now_s()
        self.steps_s.append(self._ended_s - before_s)


def _run_to_tick(device: Device, clock: Clock, back_to_back: _BackToBack) -> EnergyReading:
    watch, start_s = TickWatch(device), clock.now_s()
    while True:
        back_to_back.once()
        reading = watch.poll()
        if reading is not None:
            return reading
        if watch.stands_still(start_s, clock.now_s()):
            raise watch.broken(doing="work")
