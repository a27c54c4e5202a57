"""Offers that can be left out because another one asks less of everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices

_PIVOTS = 6
"""Rounds against the best offer at some prices: most of what can go goes in the first."""

_WIDEST = 128
"""Entries of a segment that are compared pair by pair; of those beyond, some that are beaten may stay."""

_COMPARED = 1 << 22
"""Pairs that are compared at a time, in some bytes each: callers of a server decide how many there are."""


def undominated_rows(cost: Array, first: Array, second: Array) -> NDArray[np.bool_]:
    """For arrays of shape (rows, points), the points no other one of their row matches or beats in all three.

    Of equal points the first stays; points of infinite cost go. Long rows may keep a few that are beaten.
    """
    stays: NDArray[np.bool_] = np.isfinite(cost)
    row, point = stays.nonzero()
    kept = undominated(row, cost[stays], first[stays], second[stays])
    stays[:] = False
    stays[row[kept], point[kept]] = True
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
    together = max(1, _COMPARED // width**2)
    ends = np.append(starts, segment.size)
    stays = np.ones(segment.size, dtype=np.bool_)
    for begin in range(0, starts.size, together):
        end = min(begin + together, starts.size)
        compared = ends[begin] + np.flatnonzero(place[ends[begin] : ends[end]] < width)
        row, column_of = owner[compared] - begin, place[compared]
        beaten = _beaten(row, column_of, [column[compared] for column in columns], shape=(end - begin, width))
        stays[compared] = ~beaten[row, column_of]
    return stays


def _beaten(row: Indices, place: Indices, columns: list[Array], *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Of entries at their places in rows, laid out in `shape`, those that another one of their row matches or beats."""
    rows, width = shape
    no_worse = np.ones((rows, width, width), dtype=np.bool_)
    equal = no_worse.copy()
    for column in columns:
        padded = np.full(shape, np.inf)
        padded[row, place] = column
        no_worse &= padded[:, :, None] <= padded[:, None, :]
        equal &= padded[:, :, None] == padded[:, None, :]
    earlier = np.arange(width)[:, None] < np.arange(width)[None, :]
    beaten: NDArray[np.bool_] = (no_worse & (~equal | earlier[None, :, :])).any(axis=1)
    return beaten


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
