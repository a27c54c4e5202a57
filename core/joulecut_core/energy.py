"""Joules over a window, read from a meter that changes only now and then.

    begin()            wait for the meter to tick, remember (time, joules)
    ... work ...       many meter periods
    end()              wait for the next tick, subtract

Aligning both ends to a tick takes the meter's period out of the error (counters update every 10-100 ms; an
unaligned window is off by up to one period's energy). What is left of it is how late a tick was noticed, where
the meter does not say itself when it ticked. Readings carry that, and windows make an uncertainty of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from joulecut_core.devices import Device, DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

_POLLS_PER_PERIOD = 8
PATIENCE_PERIODS = 20
"""A meter that stands still for this many of its own periods is broken."""
_SAME_INSTANT_PERIODS = 1 / 16
"""A value older than this when it is read carries the meter's own time stamp, not the time of reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """The meter's value at the instant it changed.

    `busy_s`: seconds that parts of networks had taken until then. `late_s`: by how much `time_s` may lie behind
    the change; 0 where the meter stamps its values itself.
    """

    time_s: float
    energy_j: float
    busy_s: float = 0.0
    late_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyWindow:
    """Joules drawn between two ticks of a meter, and how far apart they are in seconds.

    `uncertainty_j`: standard uncertainty of `energy_j` over that time, as far as this meter can be repeated; how
    well it is calibrated is another matter.
    """

    duration_s: float
    energy_j: float
    uncertainty_j: float = 0.0

    @property
    def power_w(self) -> float:
        """Mean draw over the window."""
        return self.energy_j / self.duration_s

    @property
    def power_std_w(self) -> float:
        """Standard uncertainty of the mean draw."""
        return self.uncertainty_j / self.duration_s


class TickWatch:
    """Notices a change of a device's meter, whoever decides when to look. Raises DeviceError where it has none."""

    def __init__(self, device: Device) -> None:
        period_s, state = device.info.meter_period_s, device.state()
        if period_s is None:
            raise DeviceError(f"{device.info.name} has no energy meter; plan from estimated power instead")
        self.period_s: float = period_s
        self.look_s: float = period_s / _POLLS_PER_PERIOD
        """Seconds between two looks that notice a change soon enough."""
        self._device = device
        self._before = state
        """As of the last look that the meter answered, once it has."""
        self._is_stamped = self._carries_stamp(state)
        self._waited_s, self._looked_s = 0.0, float("-inf")

    def poll(self) -> EnergyReading | None:
        """The first reading that differs from the one before; None while the meter stands still, or does not answer."""
        state = self._device.state()
        if state.energy_j is None or state.energy_time_s is None:
            return None
        before, self._before = self._before, state
        self._is_stamped = self._is_stamped or self._carries_stamp(state)
        # Behind a look without an answer the same value is no change, nor is the first that there is.
        if before.energy_j is None or state.energy_j == before.energy_j:
            return None
        noticed_s = 0.0 if self._is_stamped else min(self.period_s, max(0.0, state.energy_time_s - before.time_s))
        return EnergyReading(time_s=state.energy_time_s, energy_j=state.energy_j, late_s=noticed_s)

    def stands_still(self, since_s: float, now_s: float) -> bool:
        """Whether the meter is broken, having shown one value since `since_s`; to be asked after each poll.

        A pause of this host counts as one period: whatever samples the meter was paused as well.
        """
        self._waited_s += min(self.period_s, now_s - max(since_s, self._looked_s))
        self._looked_s = now_s
        return self._waited_s >= PATIENCE_PERIODS * self.period_s

    def broken(self, *, doing: str = "") -> DeviceError:
        """The error of a meter that stands still; `doing` says of what its seconds were full."""
        shown_j = self._before.energy_j
        did = "did not answer" if shown_j is None else f"stood at {shown_j} J"
        return DeviceError(
            f"the energy meter of {self._device.info.name} {did} for "
            f"{PATIENCE_PERIODS * self.period_s:g} s{doing and f' of {doing}'}; "
            f"expected a change every {self.period_s:g} s"
        )

    def _carries_stamp(self, state: DeviceState) -> bool:
        taken_s = state.energy_time_s
        return taken_s is not None and state.time_s - taken_s > _SAME_INSTANT_PERIODS * self.period_s


def read_at_tick(device: Device, clock: Clock) -> EnergyReading:
    """Wait until the device's meter changes and return its value then.

    Raises DeviceError where the device has no meter or the meter stands still.
    """
    watch = TickWatch(device)
    for _ in range(PATIENCE_PERIODS * _POLLS_PER_PERIOD):
        # From now on, not from the start: after a pause of this host the meter has its time as before.
        clock.sleep_until_s(clock.now_s() + watch.look_s)
        reading = watch.poll()
        if reading is not None:
            return reading
    raise watch.broken()


def window_between(begin: EnergyReading, end: EnergyReading) -> EnergyWindow:
    """The window between two readings of one meter; its uncertainty is that of when they were taken.

    An instant known to lie anywhere in an interval d has the standard uncertainty d/√12 (rectangular
    distribution, GUM 4.3.7); at the mean draw P the two ends make P·√(d₁² + d₂²)/√12.
    """
    duration_s, energy_j = end.time_s - begin.time_s, end.energy_j - begin.energy_j
    ends_s = math.hypot(begin.late_s, end.late_s) / math.sqrt(12)
    power_w = energy_j / duration_s if duration_s > 0 else 0.0
    return EnergyWindow(duration_s=duration_s, energy_j=energy_j, uncertainty_j=abs(power_w) * ends_s)


def window_through(readings: Sequence[EnergyReading]) -> EnergyWindow:
    """The window from the first to the last of at least two readings, its uncertainty judged by those in between.

    The stretches between readings repeat one measurement: their mean draws differ by the meter's quantum, by what
    it misses between two samples, by when its ticks were noticed, and by the device itself. The standard error of
    their mean, each weighed by its length, is an evaluation of type A (GUM 4.2). Of its square that share is left
    out which late ticks in between explain: what one stretch gains by them the next one loses. The rest is added to
    what the two ends are uncertain by.
    """
    whole = window_between(readings[0], readings[-1])
    stretches = [window_between(begin, end) for begin, end in pairwise(readings)]
    if len(stretches) < 2:
        return whole
    excess = math.fsum(
        stretch.duration_s * ((stretch.power_w - whole.power_w) ** 2 - stretch.power_std_w**2) for stretch in stretches
    )
    mean_variance = max(0.0, excess) / whole.duration_s / (len(stretches) - 1)
    uncertainty_j = math.hypot(whole.uncertainty_j, math.sqrt(mean_variance) * whole.duration_s)
    return EnergyWindow(duration_s=whole.duration_s, energy_j=whole.energy_j, uncertainty_j=uncertainty_j)
