"""The cheapest schedule under prices of a miss, from the last request back.

    V[i, c, u] = least joules and prices of request i and all behind it, the clock c held, free u after i came
               = min( price + V[i + 1],
                      joules of a batch of i .. i + n - 1  + V[i + n] )    for every size n, and clock, in time

One service level: who comes first is due first. Of any schedule, members of two batches can be exchanged until batches
are stretches of the line of those served, and a member that another one could stand in for, having come later, can be
dropped for it: batches of requests that came one after the other are enough.

Times are cells of a grid, rounded in favour of the schedule: starts and durations down, gaps between arrivals up.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from joulecut_planner.choices.grids import Array


class BatchChoices(Protocol):
    """How a batch may run, on a grid whose first cell lies `before` cells before the oldest member came."""

    @property
    def cells(self) -> int:
        """Of a deadline."""
        ...

    @property
    def before(self) -> int:
        """Cells before the oldest member came that matter."""
        ...

    @property
    def sizes(self) -> int:
        """The largest batch that can be in time."""
        ...

    @property
    def clocks(self) -> int:
        """Clocks that may be held between batches."""
        ...

    def run(self, size: int, earliest: int, gap: int, behind: Array) -> Array:
        """Joules of a batch and all behind it; infinite where it is late, empty where it always is.

        Of shape (clocks, starts, prices), by the cell from which the device is ready at each clock, from cell
        `earliest` after the oldest member came. `behind` are the values of who comes `gap` cells after the oldest.
        """
        ...

    def changed(self, ready: Array) -> Array:
        """With changes of the clock before the batch: by the clock held, and the cell in which the device is free."""
        ...


def cheapest(choices: BatchChoices, arrivals: Array, prices_j: Array) -> Array:
    """The least joules and prices of all requests, for each price of a miss, the device free at the start.

    `arrivals` are in cells, ascending.
    """
    count = len(arrivals)
    shape = (choices.clocks, choices.before + choices.cells + 1, len(prices_j))
    if not count:
        return np.zeros(len(prices_j))
    cell = np.arange(shape[1])
    kept: list[Array] = [np.zeros(shape)]
    """Values of the next `sizes` requests, the nearest last."""
    for first in range(count - 1, -1, -1):
        gap = _up(arrivals[first + 1] - arrivals[first]) if first + 1 < count else 0
        best = prices_j + kept[-1][:, np.maximum(cell - gap, 0)]
        ready = np.full(shape, np.inf)
        for size in range(1, min(choices.sizes, count - first) + 1):
            earliest = int(arrivals[first + size - 1] - arrivals[first])
            if earliest > choices.cells:
                break
            gap = _up(arrivals[first + size] - arrivals[first]) if first + size < count else 0
            found = choices.run(size, earliest, gap, kept[-size])
            if found.shape[1]:
                start = choices.before + earliest
                later, sooner = ready[:, start : start + found.shape[1]], ready[:, :start]
                np.minimum(later, found, out=later)
                np.minimum(sooner, found[:, :1], out=sooner)
        kept.append(np.minimum(best, choices.changed(ready)))
        del kept[: -choices.sizes]
    least: Array = kept[-1][:, 0].min(axis=0)
    return least


def _up(cells: float) -> int:
    return int(np.ceil(cells))
