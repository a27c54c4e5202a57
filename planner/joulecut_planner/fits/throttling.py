"""Clocks that were asked for and not held: under a power or thermal limit the real clock stays flat.

From some clock on, asking for more makes nothing faster and draws nothing more, while just below both still moved.
A memory-bound kernel stops getting faster too, but it goes on drawing more, so both quantities are needed; where
time has stopped before, power has to say it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array

_FLAT = 0.01
"""Relative change that counts as none."""
_LEAST_RANGE = 0.04
"""Log width in core clock that a flat run spans at least: adjacent clocks may be alike by chance."""
_MOVING_TIME = 0.5
_MOVING_POWER = 0.25
"""Elasticities (relative change by relative change of the clock) of a device that still responds."""
_MISSING_RISE = 0.05
"""Log power that a flat run lacks, had the last slope below gone on: enough without any response of time."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """The top clocks of one memory clock that were not held, by rising core clock; arrays of shape (clocks,)."""

    last_held_mhz: float
    """The highest clock below the run; the run's first clock may have been reached or not."""
    first_flat_mhz: float
    core_mhz: Array
    latency_s: Array
    power_w: Array

    def reached(self, core_mhz: Array) -> tuple[Array, Array]:
        """Seconds and watts that any clock above `last_held_mhz` ends at."""
        clocks = np.log(core_mhz)
        known = np.log(self.core_mhz)
        latency: Array = np.exp(np.interp(clocks, known, np.log(self.latency_s)))
        power: Array = np.exp(np.interp(clocks, known, np.log(self.power_w)))
        return latency, power


def plateau(core_mhz: Array, latency_s: Array, power_w: Array) -> Plateau | None:
    """The flat top of one memory clock's measurements, by rising core clock, or None where there is none."""
    count = len(core_mhz)
    log_f, log_t, log_p = np.log(core_mhz), np.log(latency_s), np.log(power_w)
    for start in range(2, count - 1):
        flat = log_t[start:].min() > log_t[start] - _FLAT and log_p[start:].max() < log_p[start] + _FLAT
        wide = log_f[-1] - log_f[start] >= _LEAST_RANGE
        # The limit may lie just above the clock before the run, so what moved is judged one step further down.
        step = log_f[start - 1] - log_f[start - 2]
        faster = (log_t[start - 2] - log_t[start - 1]) / step
        thirstier = (log_p[start - 1] - log_p[start - 2]) / step
        responds = faster > _MOVING_TIME and thirstier > _MOVING_POWER
        missing = thirstier * (log_f[-1] - log_f[start]) > _MISSING_RISE
        if flat and wide and (responds or missing):
            return Plateau(
                last_held_mhz=float(core_mhz[start - 1]),
                first_flat_mhz=float(core_mhz[start]),
                core_mhz=core_mhz[start:],
                latency_s=latency_s[start:],
                power_w=power_w[start:],
            )
    return None
