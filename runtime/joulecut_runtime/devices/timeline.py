"""What an emulated device has drawn so far, and what its energy counter shows of it.

Draw is constant within a *stretch*. The timeline integrates stretch after stretch and remembers its exact
energy at the two latest ticks of the counter, which is all a reading needs: nothing runs in the background.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.devices.device_tables import MeterLaw

_SAME_INSTANT = 1e-9
"""Share of a period within which an instant counts as the tick itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Constant draw at one operating point until `end_s`; it starts where the one before ended."""

    end_s: float
    power_w: float
    point: OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterReading:
    """The energy counter: joules shown since the last tick, when that was, and the mean draw of the period before it.

    `power_w` is None before the first tick.
    """

    time_s: float
    energy_j: float
    power_w: float | None


class Timeline:
    """Exact energy up to an instant, and the counter a meter would show. Not thread-safe: its device locks.

    The error of a reading depends on the seed and the tick alone, never on who read before.
    """

    def __init__(self, *, start_s: float, meter: MeterLaw, seed: int) -> None:
        self._origin_s = start_s
        self._meter = meter
        self._seed = seed
        self._time_s = start_s
        self._energy_j = 0.0
        self._tick = 0
        self._tick_j = 0.0
        self._last_tick_j = 0.0
        self._shown_j = 0.0

    @property
    def time_s(self) -> float:
        """How far the timeline has been integrated."""
        return self._time_s

    @property
    def energy_j(self) -> float:
        """Exact joules drawn until `time_s`."""
        return self._energy_j

    def draw(self, power_w: float, until_s: float) -> None:
        """Draw `power_w` from `time_s` until `until_s`; an instant already passed changes nothing."""
        if until_s <= self._time_s:
            return
        tick = math.floor((until_s - self._origin_s) / self._meter.period_s + _SAME_INSTANT)
        if tick > self._tick:
            last_tick_s = self._tick_time_s(tick - 1)
            if tick - 1 == self._tick:
                self._last_tick_j = self._tick_j
            else:
                self._last_tick_j = self._energy_j + power_w * (last_tick_s - self._time_s)
            self._tick_j = self._energy_j + power_w * (self._tick_time_s(tick) - self._time_s)
            self._tick = tick
        self._energy_j += power_w * (until_s - self._time_s)
        self._time_s = until_s

    def counter(self) -> CounterReading:
        """What the meter shows at `time_s`: it never falls."""
        time_s = self._tick_time_s(self._tick)
        if self._tick == 0:
            return CounterReading(time_s=time_s, energy_j=0.0, power_w=None)
        period_j = self._tick_j - self._last_tick_j
        error = self._meter.noise * float(np.random.default_rng((self._seed, self._tick)).standard_normal())
        shown_j = math.floor((self._tick_j + error * period_j) / self._meter.quantum_j) * self._meter.quantum_j
        self._shown_j = max(self._shown_j, shown_j)
        return CounterReading(
            time_s=time_s, energy_j=self._shown_j, power_w=max(0.0, (1.0 + error) * period_j / self._meter.period_s)
        )

    def _tick_time_s(self, tick: int) -> float:
        return self._origin_s + tick * self._meter.period_s
