"""From the relaxation to a plan: whole servers in whole states, edges on them one by one, then moves that save."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.pool.columns import HOME, Columns, States
from joulecut_planner.pool.cutting_planes import Priced, best_prices
from joulecut_planner.pool.placement import Placing, Yard, inserted
from joulecut_planner.pool.pricing import Groups, Prices, Valued

_NOTHING = 1e-6
"""Of a server: less of it is none."""

_STEP = 40_000
"""What a step to the next prices costs besides the columns, in columns."""

_PRECISION = 1e-4
"""Relative precision of the prices that edges are placed by."""


@dataclass(frozen=True, slots=True)
class Rounder:
    """Makes plans for one pool; `members` are the servers of each class."""

    states: States
    yard: Yard
    members: Sequence[Sequence[int]]

    def settings(self, groups: Groups, priced: Priced, columns: Columns) -> Iterator[Indices]:
        """States for all servers near those that the relaxation mixes, the likeliest first; none of them twice."""
        seen: set[bytes] = set()
        for more in (0, -1, 1):
            state = self._setting(groups, priced, columns, more)
            if state.tobytes() not in seen:
                seen.add(state.tobytes())
                yield state

    def placed(
        self, columns: Columns, setting: Indices, priced: Priced, is_over: Callable[[], bool]
    ) -> tuple[Placing, int] | None:
        """Edges on servers in these states, at prices made for them, and the columns valued for it; None else."""
        used, count = np.unique(setting[setting != HOME], return_counts=True)
        usable = np.zeros(self.states.count, dtype=np.bool_)
        usable[used] = usable[HOME] = True
        kept = usable[columns.state]
        narrow = columns.only(kept)
        if narrow is None:
            return None
        opened = np.zeros((used.size, self.states.count), dtype=np.bool_)
        opened[np.arange(used.size), used] = True
        groups = Groups(self.states.group[used], opened, np.full(used.size, np.inf), count)
        capacity = self.states.capacity[used]
        value_w = self.states.idle_w[used] - priced.best.time_w[used] * np.where(capacity > 0.0, capacity, 0.0)
        # Empty servers cost the same wherever edges are placed.
        own = best_prices(
            narrow,
            self.states,
            groups,
            self.yard.uplink_bps,
            Prices(priced.best.prices.uplink_w_bps, value_w),
            ceiling_w=math.inf,
            tolerance=_PRECISION,
            is_over=is_over,
        )
        for order in _orders(narrow, own.best):
            placing = inserted(narrow, self.states, self.yard, setting, own.best.worth_w, order)
            if placing is not None:
                placing.column = np.flatnonzero(kept)[placing.column]
                placing.columns = columns
                return placing, effort_of(own.steps, narrow)
        return None

    def _setting(self, groups: Groups, priced: Priced, columns: Columns, more: int) -> Indices:
        setting = np.zeros(self.yard.group.size, dtype=np.int64)
        taken = [0] * len(self.members)
        touched = np.unique(columns.state[priced.picks[-1]])
        for place, group in enumerate(groups.group.tolist()):
            count = int(groups.count[place])
            busy = priced.servers[place]
            serving = self._serving(groups, place, busy, more, touched)
            members = self.members[group][taken[group] : taken[group] + count]
            taken[group] += count
            if not serving:
                continue
            cumulated = np.cumsum(busy) if busy.sum() > _NOTHING else np.cumsum(_fallback(groups.open[place], touched))
            at = (np.arange(serving) + 0.5) / serving * cumulated[-1]
            setting[list(members[:serving])] = np.searchsorted(cumulated, at, side="right").clip(max=cumulated.size - 1)
        return setting

    def _serving(self, groups: Groups, place: int, busy: Array, more: int, touched: Indices) -> int:
        """How many servers of a group serve."""
        count = int(groups.count[place])
        if not groups.open[place].any():
            return 0
        if not math.isfinite(groups.empty_w[place]):
            return count
        total = float(busy.sum())
        least = 1 if groups.open[place][touched].any() else 0
        return min(count, max(least, math.ceil(total - _NOTHING) + more, 0))


def effort_of(steps: int, columns: Columns) -> int:
    """What evaluations of some columns cost, in columns valued, the linear program after each included."""
    return steps * (columns.owner.size + _STEP)


def _fallback(opened: NDArray[np.bool_], touched: Indices) -> Array:
    """Where nothing that takes time is asked for: the first state that is picked, or else the first open one."""
    chosen = np.zeros(opened.size)
    picked = touched[opened[touched]]
    chosen[picked[0] if picked.size else int(np.flatnonzero(opened)[0])] = 1.0
    return chosen


def _orders(columns: Columns, valued: Valued) -> Iterator[list[int]]:
    """Orders to place edges in: who loses most without a server first, the largest of those that cannot stay first."""
    home_w = np.full(columns.edges, np.inf)
    at_home = np.flatnonzero(columns.state == HOME)
    home_w[columns.owner[at_home]] = valued.worth_w[at_home]
    loses_w = home_w - valued.least_w
    load = np.maximum.reduceat(columns.load, columns.start[:-1])
    needed = np.minimum.reduceat(columns.load, columns.start[:-1])
    picks = columns.first_least(valued.worth_w, valued.least_w)
    yield np.lexsort((-columns.load[picks], -loses_w)).tolist()
    yield np.lexsort((-loses_w, -needed)).tolist()
    yield np.lexsort((-load, np.isfinite(loses_w))).tolist()
