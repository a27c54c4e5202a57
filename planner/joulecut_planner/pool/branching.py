"""How a node of the search is split: by what some servers may do, or by what one edge may take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.pool.columns import HOME, Columns, States
from joulecut_planner.pool.cutting_planes import Priced
from joulecut_planner.pool.pricing import Groups

_WHOLE = 1e-4
"""How near a mix of servers has to be to whole ones."""


def server_sides(states: States, groups: Groups, priced: Priced) -> list[Groups]:
    """Both halves of a node where the relaxation mixes a fraction of servers; none where it wants whole ones.

    States of a group are in order: empty first, then by operating point. Where the mix has a fraction of servers up to
    some state, either at most the whole ones below it are there, or one more.
    """
    best: tuple[float, int, int, int] | None = None
    for place in range(groups.count.size):
        count = int(groups.count[place])
        opened = np.flatnonzero(groups.open[place])
        busy = priced.servers[place][opened]
        upto = float(count) - float(busy.sum()) + np.concatenate(([0.0], np.cumsum(busy)[:-1]))
        # Without an empty state, what is not busy is in some open one: the lowest.
        first = 0 if np.isfinite(groups.empty_w[place]) else 1
        for cut in range(first, opened.size):
            whole = int(np.floor(upto[cut] + _WHOLE))
            fraction = min(upto[cut] - whole, whole + 1 - upto[cut])
            if fraction > _WHOLE and 0 <= whole < count and (best is None or fraction > best[0]):
                best = (fraction, place, cut, whole)
    if best is None:
        return []
    _, place, cut, whole = best
    low = np.zeros(states.count, dtype=np.bool_)
    low[np.flatnonzero(groups.open[place])[:cut]] = True
    return [
        side
        for side in (
            # At most `whole` of them low: the others are high, or at least one more is low.
            _divided(groups, place, high_only=int(groups.count[place]) - whole, low_only=0, low=low),
            _divided(groups, place, high_only=0, low_only=whole + 1, low=low),
        )
        if side is not None
    ]


def _divided(groups: Groups, place: int, *, high_only: int, low_only: int, low: NDArray[np.bool_]) -> Groups | None:
    """The groups with some servers of one of them kept to its high states, or to its low ones (and empty)."""
    count = int(groups.count[place])
    rows: list[tuple[int, NDArray[np.bool_], float, int]] = [
        (int(groups.group[row]), groups.open[row], float(groups.empty_w[row]), int(groups.count[row]))
        for row in range(groups.count.size)
        if row != place
    ]
    group, opened, empty_w = int(groups.group[place]), groups.open[place], float(groups.empty_w[place])
    for number, states, empty in (
        (high_only, opened & ~low, np.inf),
        (low_only, opened & low, empty_w),
        (count - high_only - low_only, opened, empty_w),
    ):
        if number and not states.any() and not np.isfinite(empty):
            return None
        if number:
            rows.append((group, states, empty, number))
    return Groups(
        group=np.array([row[0] for row in rows], dtype=np.int64),
        open=np.stack([row[1] for row in rows]),
        empty_w=np.array([row[2] for row in rows]),
        count=np.array([row[3] for row in rows], dtype=np.int64),
    )


def edge_sides(
    columns: Columns, states: States, worth_w: Array, picks: Sequence[Indices]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both halves of a node by what one edge may take: the edge whose picks differ most, or the one with most left.

    Its columns on the server of its best one, or the others; where one server is left, its states; then its needs.
    """
    counts = np.diff(columns.start)
    differs = np.zeros(columns.edges, dtype=np.int64)
    for one in picks[1:]:
        differs += one != picks[0]
    edge = int(np.where(counts > 1, counts + differs * (int(counts.max()) + 1), 0).argmax())
    first, last = int(columns.start[edge]), int(columns.start[edge + 1])
    state = columns.state[first:last]
    home = np.where(state == HOME, -1, states.group[state])
    best = int(worth_w[first:last].argmin())
    if (home != home[best]).any():
        mine = home == home[best]
    elif (state != state[best]).any():
        mine = state == state[best]
    else:
        order = np.lexsort((columns.least_bps[first:last], columns.load[first:last]))
        mine = np.zeros(last - first, dtype=np.bool_)
        mine[order[: (last - first) // 2]] = True
    sides = []
    for taken in (mine, ~mine):
        side = np.ones(columns.owner.size, dtype=np.bool_)
        side[first:last] = taken
        sides.append(side)
    return sides[0], sides[1]
