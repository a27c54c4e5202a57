"""Offers that can be left out because another one asks less of everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices

_PIVOTS = 6
"""Rounds against the best offer at some prices: most of what can go goes in the first."""

_WIDEST = 128
"""Entries of a segment that are compared pair by pair; of those beyond, some that are beaten may stay."""


def undominated_rows(cost: Array, first: Array, second: Array) -> NDArray[np.bool_]:
    """For arrays of shape (rows, points), the points no other one of their row matches or beats in all three.

    Of equal points the first stays; points of infinite cost go.
    """
    order = np.arange(cost.shape[1])
    earlier = order[:, None] < order[None, :]
    no_worse = np.ones((*cost.shape, cost.shape[1]), dtype=np.bool_)
    equal = no_worse.copy()
    for values in (cost, first, second):
        no_worse &= values[:, :, None] <= values[:, None, :]
        equal &= values[:, :, None] == values[:, None, :]
    beaten = (no_worse & (~equal | earlier[None, :, :])).any(axis=1)
    stays: NDArray[np.bool_] = ~beaten & np.isfinite(cost)
    return stays


def undominated(segment: Indices, *columns: Array) -> Indices:
    """Indices of the entries that no other of their segment matches or beats in all `columns`.

    `segment` rises. Long segments may keep a few that are beaten: they cost time, nothing else.
    """
    kept = np.arange(segment.size)
    for pivot in range(_PIVOTS):
        if not kept.size:
            return kept
        kept = kept[_against_pivots(segment[kept], [column[kept] for column in columns], pivot)]
    return kept[_pairwise(segment[kept], [column[kept] for column in columns])]


def _against_pivots(segment: Indices, columns: list[Array], pivot: int) -> NDArray[np.bool_]:
    """Which entries the best one of their segment, at the prices of round `pivot`, does not beat."""
    starts, owner = _starts(segment)
    score = np.zeros(segment.size)
    for index, column in enumerate(columns):
        # Each round looks most at one column, and at all a little.
        scale = float(column.max()) or 1.0
        weight = 8.0 if (pivot + index) % len(columns) == 0 else 1.0 + pivot / _PIVOTS
        # Divided first: a scale of 1e-310 has no finite inverse.
        score += weight * (column / scale)
    best = _first_least(score, starts, owner)
    beaten = np.ones(segment.size, dtype=np.bool_)
    for column in columns:
        beaten &= column >= column[best][owner]
    beaten[best] = False
    return ~beaten


def _pairwise(segment: Indices, columns: list[Array]) -> NDArray[np.bool_]:
    """Which entries no other entry of their segment matches or beats; of equal ones the first stays."""
    if not segment.size:
        return np.ones(0, dtype=np.bool_)
    starts, owner = _starts(segment)
    place = np.arange(segment.size) - starts[owner]
    width = min(int(place.max()) + 1, _WIDEST)
    compared = np.flatnonzero(place < width)
    row, column_of = owner[compared], place[compared]
    no_worse = np.ones((starts.size, width, width), dtype=np.bool_)
    equal = no_worse.copy()
    for column in columns:
        padded = np.full((starts.size, width), np.inf)
        padded[row, column_of] = column[compared]
        no_worse &= padded[:, :, None] <= padded[:, None, :]
        equal &= padded[:, :, None] == padded[:, None, :]
    earlier = np.arange(width)[:, None] < np.arange(width)[None, :]
    beaten = (no_worse & (~equal | earlier[None, :, :])).any(axis=1)
    stays = np.ones(segment.size, dtype=np.bool_)
    stays[compared] = ~beaten[row, column_of]
    return stays


def _starts(segment: Indices) -> tuple[Indices, Indices]:
    """Where the segments start, and for each entry the number of its segment."""
    first = np.empty(segment.size, dtype=np.bool_)
    first[0] = True
    np.not_equal(segment[1:], segment[:-1], out=first[1:])
    return np.flatnonzero(first), np.cumsum(first) - 1


def _first_least(score: Array, starts: Indices, owner: Indices) -> Indices:
    least = np.minimum.reduceat(score, starts)
    at_least = np.flatnonzero(score <= least[owner])
    first = np.ones(at_least.size, dtype=np.bool_)
    np.not_equal(owner[at_least][1:], owner[at_least][:-1], out=first[1:])
    return at_least[first]
