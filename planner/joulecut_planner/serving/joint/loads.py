"""Decisions for every load a device may meet, solved once: rates from next to nothing to more than it can serve.

Rates are a geometric ladder, each with a few dispersions; a load is answered by its nearest rung.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.forecast import ArrivalForecast
from joulecut_planner.serving.joint.arrival_law import REGULAR, arrival_law
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.limits import Limits
from joulecut_planner.serving.joint.sweep import Prices, Swept
from joulecut_planner.serving.joint.values import Values, solve
from joulecut_planner.serving.joint.ways import Ways, find_ways

_AGES = 40
_KEPT = 8
"""Tables whose loads are kept."""
_MOST = 32
_ROOM = 1.25
"""Over what can be served within a deadline, up to `_MOST`."""
_RATIO = 1.5
_RARE_LOADS = (0.0003, 0.002)
"""Of the capacity: loads at which next to nobody shares a batch."""
_LEAST_LOAD = 0.01
_HIGHEST_LOAD = 1.4
_DISPERSIONS = (REGULAR, 1.0, 5.0)
_LIMITS = (0.25, 2.2)
"""Of the dispersions that count as the first, the second, the third."""
_MISS_PRICES = ((60.0,), (5.0, 20.0, 100.0, 500.0), (8.0, 60.0, 400.0))
"""In lone requests, from lenient to strict, for each dispersion: regular arrivals are hardly ever missed."""
_IMPATIENCE = 0.02
"""Waiting for the whole deadline costs so much of a lone request's joules: nobody waits for less."""
_PERIOD = 20.0
"""The control period, in deadlines or changes of the clock, whichever takes longer."""
_LASTING = 40.0
"""Control periods for which a load is believed to last."""
STRICTEST = 11


@dataclass(frozen=True, slots=True)
class LoadDecisions:
    """Decisions at one load. Arrays are those of `Swept`, made ready for single lookups."""

    values: Values
    swept: Swept
    prices: Prices
    until: NDArray[np.uint8]
    """Shape (states, most + 1, ages): the age up to which waiting is best; the own age where it is not."""
    chosen: NDArray[np.int16]
    """Shape (states, sizes, ways): the way of highest worth among the quickest so many, less one."""

    def by_worth(self, state: int, size: int) -> list[int]:
        """The ways to run so many, best first, whatever time they take."""
        order: list[int] = np.argsort(self.swept.gains[state, :, size - 1], kind="stable").tolist()
        return order


class Loads:
    """A table's decisions for all loads. Making it takes seconds, asking it microseconds."""

    def __init__(
        self, costs: ServiceCosts, deadline_s: float, variants: tuple[int, ...], states: tuple[int, ...] | None
    ) -> None:
        self.capacity_hz, sizes = capacity(costs, variants, deadline_s)
        self.period_s = _PERIOD * max(deadline_s, costs.table.switch_s)
        lone_j = min(costs.energy_j(variant, 1, costs.fastest(variant, 1).point) for variant in variants)
        self._prices = [
            [
                Prices(
                    lone_j=lone_j,
                    miss_j=price * lone_j,
                    waiting_w=_IMPATIENCE * lone_j / deadline_s,
                    lasting_s=_LASTING * self.period_s,
                )
                for price in prices
            ]
            for prices in _MISS_PRICES
        ]
        self.ways: Ways = find_ways(costs, variants, sizes, within_s=deadline_s, states=states)
        self.limits = Limits(costs, variants, self.ways)
        self.most = max(min(math.ceil(_ROOM * self.capacity_hz * deadline_s), _MOST), sizes, 4)
        """Requests that the model lets wait; more are decided upon as that many."""
        self.grid = DecisionGrid(self.ways, deadline_s=deadline_s, ages=_AGES, most=self.most)
        self.rates_hz = [self.capacity_hz * load for load in _loads()]
        self._between_hz = [math.sqrt(low * high) for low, high in pairwise(self.rates_hz)]
        self._decisions = [
            self._ladder(dispersion, prices) for dispersion, prices in zip(_DISPERSIONS, self._prices, strict=True)
        ]

    def at(self, forecast: ArrivalForecast, strictness: int) -> LoadDecisions:
        """The decisions for the nearest load; `strictness` is 0 to `STRICTEST`."""
        rung = bisect_right(self._between_hz, forecast.rate_hz)
        prices = self._decisions[bisect_right(_LIMITS, forecast.dispersion)][rung]
        return prices[strictness * len(prices) // (STRICTEST + 1)]

    def is_least(self, load: LoadDecisions) -> bool:
        """Whether these are decisions for the lowest load."""
        return any(load is other for ladder in self._decisions for other in ladder[0])

    def _ladder(self, dispersion: float, offered: list[Prices]) -> list[list[LoadDecisions]]:
        grid = self.grid
        ladder: list[list[LoadDecisions]] = []
        for rate_hz in self.rates_hz:
            law = arrival_law(rate_hz, dispersion, step_s=grid.step_s, most=grid.most, ages=grid.ages, steps=grid.steps)
            lower = ladder[-1] if ladder else None
            rung: list[LoadDecisions] = []
            for strictness, prices in enumerate(offered):
                solved = solve(grid, law, prices, _guess(lower, rung, strictness))
                rung.append(_ready(grid, solved, prices))
            ladder.append(rung)
        return ladder


@lru_cache(maxsize=_KEPT)
def loads_of(
    table: ServiceTable, deadline_s: float, variants: tuple[int, ...], states: tuple[int, ...] | None = None
) -> Loads:
    """The loads of a table, made once: many policies may decide by the same. `states` is as for `find_ways`."""
    return Loads(ServiceCosts(table), deadline_s, variants, states)


def capacity(costs: ServiceCosts, variants: tuple[int, ...], deadline_s: float) -> tuple[float, int]:
    """Requests a second at most, and the largest batch that ends within the deadline.

    A steady load leaves a batch half the deadline: who comes just after a launch waits for that batch and then
    runs in the next. Where not even one request ends in that time, a batch of one at full speed counts.
    """
    highest_hz, largest = 0.0, 1
    for variant in variants:
        for size in range(1, costs.largest + 1):
            time_s = costs.fastest(variant, size).time_s
            if time_s <= deadline_s / 2.0 or size == 1:
                highest_hz = max(highest_hz, size / time_s)
            if time_s <= deadline_s:
                largest = max(largest, size)
    return highest_hz, largest


def _loads() -> list[float]:
    """Shares of the capacity that decisions are made for, ascending."""
    rungs = math.ceil(math.log(_HIGHEST_LOAD / _LEAST_LOAD) / math.log(_RATIO)) + 1
    return [*_RARE_LOADS, *(_LEAST_LOAD * _RATIO**rung for rung in range(rungs))]


def _guess(lower: list[LoadDecisions] | None, rung: list[LoadDecisions], strictness: int) -> Values | None:
    """Where to start from: what the next lower rung, and the next more lenient price, have come to."""
    if lower is None:
        return rung[-1].values if rung else None
    below = lower[strictness].values
    if not rung:
        return below
    beside, corner = rung[-1].values, lower[strictness - 1].values
    return Values(
        below.cost_w + beside.cost_w - corner.cost_w,
        replace(
            below.swept,
            relative=below.swept.relative + beside.swept.relative - corner.swept.relative,
            settled=below.swept.settled + beside.swept.settled - corner.swept.settled,
        ),
    )


def _ready(grid: DecisionGrid, values: Values, prices: Prices) -> LoadDecisions:
    waits = values.swept.waits
    until = np.empty(waits.shape, dtype=np.uint8)
    until[:, :, -1] = waits.shape[2] - 1
    for age in range(waits.shape[2] - 2, -1, -1):
        until[:, :, age] = np.where(waits[:, :, age], until[:, :, age + 1], age)
    gains: Array = np.take_along_axis(values.swept.gains, grid.order, axis=1)
    best = np.minimum.accumulate(gains, axis=1)
    rows = np.arange(gains.shape[1])[None, :, None]
    # The last place at which the least so far was lowered.
    lowered: Indices = np.maximum.accumulate(np.where(gains <= best, rows, 0), axis=1)
    chosen = np.take_along_axis(grid.order, lowered, axis=1).transpose(0, 2, 1).astype(np.int16)
    return LoadDecisions(values, values.swept, prices, until, np.ascontiguousarray(chosen))
