"""The least energy of any schedule with every arrival known beforehand: a bound from below.

Who is missed costs a price, and the cheapest schedule under it is found from the last request back (`backwards`).
For M misses a price p then says: at least V(p) - p M joules (Lagrange), whatever the schedule; the highest such figure
over some prices is the bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.serving.bounds.backwards import cheapest
from joulecut_planner.serving.bounds.batch_choices import FreeClocks, Grid, HeldClocks
from joulecut_planner.serving.costs import ServiceCosts

_CELLS = 160
"""Of the deadline."""
_PRICES = (0.75, 2.0, 6.0, 40.0)
"""Of a miss, in lone requests at the highest clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBound:
    """What schedules cost at least: for each price of a miss, the least of joules and prices together."""

    requests: int
    prices_j: tuple[float, ...]
    least_j: tuple[float, ...]

    def energy_j(self, misses: int) -> float:
        """Joules that every schedule with exactly so many misses draws at least."""
        return max(0.0, *(least - price * misses for price, least in zip(self.prices_j, self.least_j, strict=True)))

    def energy_per_request_j(self, most_misses: int) -> float:
        """Joules per answer of any schedule with at most so many misses; NaN where that may be all requests."""
        if most_misses >= self.requests:
            return math.nan
        return min(self.energy_j(misses) / (self.requests - misses) for misses in range(most_misses + 1))


def least_energy(
    costs: ServiceCosts,
    arrivals_s: Sequence[float],
    slo_s: float,
    *,
    counts_idle: bool = True,
    cells: int = _CELLS,
    prices: Sequence[float] = _PRICES,
) -> EnergyBound:
    """The bound for requests that arrive at these ascending times, in full precision, from the first unit.

    Relaxed, always in favour of the schedule: times are rounded down to `cells` of a deadline, the device rests at its
    least idle draw, and changes of the clock are free; only where a change takes so long that no batch with one
    inside could be in time do changes between batches take their time and joules. `counts_idle`: whether the draw
    between batches counts. `prices`: of a miss, in joules of a lone request at the highest clock; more of them can
    only raise the bound. Raises ValueError for arrivals out of order.
    """
    times_s = np.array(arrivals_s, dtype=np.float64)
    if (np.diff(times_s) < 0.0).any():
        raise ValueError("arrivals are not in order of time")
    resting_w = min(costs.table.idle_w) if counts_idle else 0.0
    lone_j = costs.energy_j(0, 1, costs.top)
    prices_j = np.array([price * lone_j for price in prices])
    grid = Grid(deadline_s=slo_s, cells=cells, resting_w=resting_w)
    quickest_s = float(costs.unit_time_s[0].min(axis=2).sum(axis=1).min())
    inside = costs.table.switch_s + quickest_s <= slo_s
    choices = FreeClocks(costs, grid) if inside else HeldClocks(costs, grid)
    base_j = resting_w * float(times_s[-1]) if len(times_s) else 0.0
    least_j = cheapest(choices, times_s / grid.step_s, prices_j) + base_j
    return EnergyBound(requests=len(times_s), prices_j=tuple(prices_j.tolist()), least_j=tuple(least_j.tolist()))
