"""Decisions for every load a device may meet, solved once: rates from next to nothing to more than it can serve.

Rates are a geometric ladder, each with a few dispersions; a load is answered by its nearest rung.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.forecast import ArrivalForecast
from joulecut_planner.serving.joint.arrival_law import REGULAR
from joulecut_planner.serving.joint.beat import Beats
from joulecut_planner.serving.joint.decisions import Ladder, LoadDecisions, solve_ladder
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.kept_decisions import KeptDecisions
from joulecut_planner.serving.joint.limits import Limits
from joulecut_planner.serving.joint.sweep import Prices
from joulecut_planner.serving.joint.ways import Ways, find_ways

_AGES = 40
_KEPT = 8
"""Tables whose loads are kept."""
_MOST = 64
_ROOM = 1.25
"""Over what can be served within a deadline, up to `_MOST`."""
_RARE_LOADS = (0.0003, 0.002)
"""Of the capacity: loads at which next to nobody shares a batch."""
_LOW_LOADS, _LOW_RATIO = (0.01, 0.25), 1.8
_HIGH_LOADS, _HIGH_RATIO = (0.25, 1.3), 1.2
"""Of the capacity, and by how much one is above the other: where batches are shared, a little more load matters."""
_DISPERSIONS = (REGULAR, 1.0, 5.0)
_LIMITS = (0.25, 2.2)
"""Of the dispersions that count as the first, the second, the third."""
_MISS_PRICES = ((60.0,), (5.0, 20.0, 100.0, 500.0), (8.0, 60.0, 400.0))
"""In lone requests, from lenient to strict, for each dispersion: regular arrivals are hardly ever missed."""
_MANY_MISSES = 0.01
_IN_VAIN = 1.05
"""Where even at the strictest price more than that share is missed, who misses no more than this times that many
costs less and is as good."""
_IMPATIENCE = 0.02
"""Waiting for the whole deadline costs so much of a lone request's joules: nobody waits for less."""
_PERIOD = 20.0
"""The control period, in deadlines or changes of the clock, whichever takes longer."""
_LASTING = 40.0
"""Control periods for which a load is believed to last."""
STRICTEST = 11
MISS_PRICES = _MISS_PRICES[1]
"""Of random arrivals."""


class Loads:
    """A table's decisions for all loads. Making it takes seconds where no file has them, asking it microseconds."""

    def __init__(
        self,
        table: ServiceTable,
        deadline_s: float,
        variants: tuple[int, ...],
        states: tuple[int, ...] | None,
        kept: Path | None,
    ) -> None:
        costs = ServiceCosts(table)
        self.capacity_hz, sizes = capacity(costs, variants, deadline_s)
        self.period_s = _PERIOD * max(deadline_s, table.switch_s)
        self.lone_j = lone_j = min(costs.energy_j(variant, 1, costs.fastest(variant, 1).point) for variant in variants)
        """A request that runs alone at its quickest: the scale of prices."""
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
        self.beats = Beats(self.ways, deadline_s)
        self.most = max(min(math.ceil(_ROOM * self.capacity_hz * deadline_s), _MOST), sizes, 4)
        """Requests that the model lets wait; more are decided upon as that many."""
        self.grid = DecisionGrid(self.ways, deadline_s=deadline_s, ages=_AGES, most=self.most)
        self.rates_hz = [self.capacity_hz * load for load in _loads()]
        self._between_hz = [math.sqrt(low * high) for low, high in pairwise(self.rates_hz)]
        self._decisions = (
            self._solved() if kept is None else self._provided(KeptDecisions(kept, table, deadline_s, variants, states))
        )
        self._decisions = [
            [_not_in_vain(rung, rate_hz) for rung, rate_hz in zip(ladder, self.rates_hz, strict=True)]
            for ladder in self._decisions
        ]

    def at(self, forecast: ArrivalForecast, strictness: int) -> LoadDecisions:
        """The decisions for the nearest load; `strictness` is 0 to `STRICTEST`.

        A beat never lets up: for regular arrivals they are those of the next higher load, that a clock may sustain it,
        and where misses are to be avoided strictly all the same, those for random ones, who allow for more.
        """
        kind = bisect_right(_LIMITS, forecast.dispersion)
        if kind == 0 and strictness < STRICTEST:
            rung = min(bisect_left(self.rates_hz, forecast.rate_hz), len(self.rates_hz) - 1)
        else:
            kind, rung = max(kind, 1), self._rung(forecast.rate_hz)
        prices = self._decisions[kind][rung]
        return prices[strictness * len(prices) // (STRICTEST + 1)]

    def foreseen_j(self, load: LoadDecisions, rate_hz: float) -> float:
        """What a request costs beyond the least idle draw by the decisions for this rate, prices included."""
        return (load.cost_w - min(self.ways.idle_w)) / self.rates_hz[self._rung(rate_hz)]

    def is_least(self, load: LoadDecisions) -> bool:
        """Whether these are decisions for the lowest load."""
        return any(load is other for ladder in self._decisions for other in ladder[0])

    def _rung(self, rate_hz: float) -> int:
        return bisect_right(self._between_hz, rate_hz)

    def _solved(self) -> list[Ladder]:
        return [
            solve_ladder(self.grid, dispersion, self.rates_hz, prices)
            for dispersion, prices in zip(_DISPERSIONS, self._prices, strict=True)
        ]

    def _provided(self, kept: KeptDecisions) -> list[Ladder]:
        """From a file, or solved now and kept in it."""
        states, ways, sizes = self.ways.time_s.shape
        queues = (states, self.most + 1, _AGES)
        shapes = (queues, (states, ways, sizes), queues, queues, (states, sizes, ways))
        found = kept.load(self._prices, len(self.rates_hz), shapes)
        if not found:
            found = self._solved()
            kept.save(found)
        return found


@lru_cache(maxsize=_KEPT)
def loads_of(
    table: ServiceTable,
    deadline_s: float,
    variants: tuple[int, ...],
    states: tuple[int, ...] | None = None,
    *,
    kept: Path | None = None,
) -> Loads:
    """The loads of a table, made once: many policies may decide by the same.

    `states` is as for `find_ways`; `kept`, a folder in which decisions are found, or kept once they have been solved.
    """
    return Loads(table, deadline_s, variants, states, kept)


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
    loads = list(_RARE_LOADS)
    for (least, highest), ratio in ((_LOW_LOADS, _LOW_RATIO), (_HIGH_LOADS, _HIGH_RATIO)):
        rungs = math.ceil(math.log(highest / least) / math.log(ratio))
        loads += [least * ratio**rung for rung in range(rungs)]
    return loads


def _not_in_vain(rung: list[LoadDecisions], rate_hz: float) -> list[LoadDecisions]:
    """The same, with those of a stricter price replaced where it buys no fewer misses.

    By how much the cost a second rises with the price is how many a second are missed, between the two.
    """
    missed = [
        (dear.cost_w - cheap.cost_w) / (dear.prices.miss_j - cheap.prices.miss_j) / rate_hz
        for cheap, dear in pairwise(rung)
    ]
    if not missed or missed[-1] <= _MANY_MISSES:
        return rung
    enough = next(each for each, share in enumerate(missed) if share <= _IN_VAIN * missed[-1])
    return [rung[min(each, enough)] for each in range(len(rung))]
