"""Decisions at one load, and on a ladder of loads: solved from the lowest rung up, each from the solutions before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Indices
from joulecut_planner.serving.joint.arrival_law import arrival_law
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.sweep import Prices
from joulecut_planner.serving.joint.values import Values, solve


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDecisions:
    """Decisions at one load, made ready for single lookups; `relative` and `gains` are those of `Swept`."""

    prices: Prices
    cost_w: float
    """The cost a second in the long run, prices included."""
    relative: NDArray[np.float32]
    gains: NDArray[np.float32]
    switches: NDArray[np.uint8]
    """The state to change to, where that is best; else the own one."""
    until: NDArray[np.uint8]
    """Shape (states, most + 1, ages): the age up to which waiting is best; the own age where it is not."""
    chosen: NDArray[np.int16]
    """Shape (states, sizes, ways): the way of highest worth among the quickest so many, less one."""

    def by_worth(self, state: int, size: int) -> list[int]:
        """The ways to run so many, best first, whatever time they take."""
        order: list[int] = np.argsort(self.gains[state, :, size - 1], kind="stable").tolist()
        return order


Ladder: TypeAlias = list[list[LoadDecisions]]
"""By rate, then by price of a miss."""


def solve_ladder(grid: DecisionGrid, dispersion: float, rates_hz: Sequence[float], offered: Sequence[Prices]) -> Ladder:
    """The decisions for arrivals of a dispersion at each of some ascending rates, for each price of a miss."""
    ladder: Ladder = []
    lower: list[Values] = []
    for rate_hz in rates_hz:
        law = arrival_law(rate_hz, dispersion, step_s=grid.step_s, most=grid.most, ages=grid.ages, steps=grid.steps)
        rung: list[Values] = []
        for strictness, prices in enumerate(offered):
            rung.append(solve(grid, law, prices, _guess(lower, rung, strictness)))
        ladder.append([_ready(grid, values, prices) for values, prices in zip(rung, offered, strict=True)])
        lower = rung
    return ladder


def _guess(lower: list[Values], rung: list[Values], strictness: int) -> Values | None:
    """Where to start from: what the next lower rung, and the next more lenient price, have come to."""
    if not lower:
        return rung[-1] if rung else None
    below = lower[strictness]
    if not rung:
        return below
    beside, corner = rung[-1], lower[strictness - 1]
    return Values(
        below.cost_w + beside.cost_w - corner.cost_w,
        replace(
            below.swept,
            relative=below.swept.relative + beside.swept.relative - corner.swept.relative,
            settled=below.swept.settled + beside.swept.settled - corner.swept.settled,
        ),
    )


def _ready(grid: DecisionGrid, values: Values, prices: Prices) -> LoadDecisions:
    swept = values.swept
    waits, switches = swept.decisions()
    until = np.empty(waits.shape, dtype=np.uint8)
    until[:, :, -1] = waits.shape[2] - 1
    for age in range(waits.shape[2] - 2, -1, -1):
        until[:, :, age] = np.where(waits[:, :, age], until[:, :, age + 1], age)
    gains = np.take_along_axis(swept.gains, grid.order, axis=1)
    best = np.minimum.accumulate(gains, axis=1)
    rows = np.arange(gains.shape[1])[None, :, None]
    # The last place at which the least so far was lowered.
    lowered: Indices = np.maximum.accumulate(np.where(gains <= best, rows, 0), axis=1)
    chosen = np.take_along_axis(grid.order, lowered, axis=1).transpose(0, 2, 1)
    return LoadDecisions(
        prices=prices,
        cost_w=values.cost_w,
        relative=swept.relative.astype(np.float32),
        gains=swept.gains.astype(np.float32),
        switches=switches.astype(np.uint8),
        until=until,
        chosen=np.ascontiguousarray(chosen, dtype=np.int16),
    )
