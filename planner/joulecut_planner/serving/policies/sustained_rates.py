"""What load a precision and a clock can sustain in time, and what the device then draws.

A server that runs all that waits holds a deadline while two of its batches fit in it: one may be running
when a request comes. It then sustains n/t(n) requests per second, at the n that fits and makes the most of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.deadlines import ROUNDING_S
from joulecut_planner.serving.policies.fixed import BATCHES_PER_SLO


@dataclass(frozen=True, slots=True)
class Setting:
    """A variant and an operating point."""

    variant: int
    point: int


class SustainedRates:
    """For one table. `counts_idle` False leaves out what is drawn between batches."""

    def __init__(self, costs: ServiceCosts, *, counts_idle: bool) -> None:
        self._time_s: list[Array] = [each.sum(axis=1) for each in costs.unit_time_s]
        self._energy_j: list[Array] = [each.sum(axis=1) for each in costs.unit_energy_j]
        self._sizes: Array = np.arange(1, costs.largest + 1, dtype=np.float64)[:, None]
        self._idle_w: Array = np.array(costs.table.idle_w) if counts_idle else np.zeros(len(costs.table.points))
        self._slo_s = 0.0
        self._rates_hz: list[Array] = []
        self.most_hz: list[float] = []
        """By variant: at the clock that sustains the most."""
        self._listed_hz: list[list[float]] = []

    def hold(self, slo_s: float) -> None:
        """Look at deadlines of `slo_s` from now on."""
        if abs(slo_s - self._slo_s) <= ROUNDING_S:
            return
        self._slo_s = slo_s
        most_s = slo_s / BATCHES_PER_SLO + ROUNDING_S
        self._rates_hz = [np.where(time_s <= most_s, self._sizes / time_s, 0.0).max(axis=0) for time_s in self._time_s]
        for rates_hz, time_s in zip(self._rates_hz, self._time_s, strict=True):
            if not rates_hz.any():
                quickest = int(np.argmin(time_s[0]))
                rates_hz[quickest] = 1.0 / time_s[0, quickest]
        self._listed_hz = [rates_hz.tolist() for rates_hz in self._rates_hz]
        self.most_hz = [max(rates_hz) for rates_hz in self._listed_hz]

    def rate_hz(self, setting: Setting) -> float:
        """The most that a setting sustains; 0 where not even a lone request is quick enough."""
        return self._listed_hz[setting.variant][setting.point]

    def quickest(self, variant: int) -> Setting:
        """The clock that sustains the most."""
        return Setting(variant, int(np.argmax(self._rates_hz[variant])))

    def cheapest(self, variant: int, rate_hz: float, room: float) -> Setting | None:
        """The clock of least draw that a load fills to `room` at most; None where there is none."""
        # A clock that holds no deadline sustains nothing, also while there is no load.
        enough = (self._rates_hz[variant] > 0.0) & (rate_hz <= room * self._rates_hz[variant])
        if not enough.any():
            return None
        return Setting(variant, int(np.argmin(np.where(enough, self._power_w(variant, rate_hz), np.inf))))

    def power_w(self, setting: Setting, rate_hz: float) -> float:
        """Mean draw of the device under a load, the clock held between batches."""
        return float(self._power_w(setting.variant, rate_hz)[setting.point])

    def _power_w(self, variant: int, rate_hz: float) -> Array:
        """By clock: batches as small as keep up with the load, idle between them."""
        time_s, energy_j = self._time_s[variant], self._energy_j[variant]
        keeps_up = self._sizes >= rate_hz * time_s
        row = np.where(keeps_up.any(axis=0), keeps_up.argmax(axis=0), len(self._sizes) - 1)
        every = np.arange(time_s.shape[1])
        extra_j = energy_j[row, every] - self._idle_w * time_s[row, every]
        power_w: Array = self._idle_w + rate_hz * extra_j / (row + 1.0)
        return power_w
