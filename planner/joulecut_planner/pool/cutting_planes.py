"""The prices under which the lower bound is highest: Kelley's cutting planes, one set for each block of edges.

The bound is a sum over edges, and concave in the prices. Each evaluation gives a plane above every block's part of
it; the next prices are the peak below all planes, a linear program (HiGHS). Blocks that have planes of their own
settle in far fewer evaluations than one plane for all. The program's dual variables say how to mix what the
edges chose, which is the relaxation's own solution: how many servers it would like to have in which state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.pool.columns import Columns, States
from joulecut_planner.pool.pricing import Groups, Prices, Valued, valued

_STEPS = 60

_BLOCKS = 24
"""Blocks of edges at least, where there are as many edges."""

_WIDER = 16.0
"""How much farther to look when the peak is at the border of where planes are trusted."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The best prices found, what columns are worth there, and the relaxation's own solution.

    `servers` of shape (groups, states): how many servers of each group the mix of picks keeps busy in each state.
    `picks` are the last ones, newest last; `steps` counts the evaluations.
    """

    best: Valued
    servers: Array
    picks: tuple[Indices, ...]
    steps: int

    @property
    def bound_w(self) -> float:
        """The proved lower bound."""
        return self.best.bound_w


def best_prices(
    columns: Columns,
    states: States,
    groups: Groups,
    uplink_bps: Array,
    start: Prices | None,
    *,
    ceiling_w: float,
    tolerance: float,
    is_over: Callable[[], bool],
) -> Priced:
    """Prices whose bound is within `tolerance` (relative) of the highest.

    Stops early once the bound exceeds `ceiling_w`, above which nobody cares, or the time is over: any prices bound.
    """
    search = _Search(columns, states, groups, uplink_bps)
    most_w = groups.most_w(states)
    if start is not None:
        search.look(start)
    if start is None or search.best.bound_w <= ceiling_w:
        search.look(Prices(np.zeros(uplink_bps.size), most_w))
    for _ in range(_STEPS):
        if search.best.bound_w > ceiling_w or is_over():
            break
        peak = search.peak()
        if peak is None:
            break
        prices, height_w, at_border = peak
        if not at_border and height_w - search.best.bound_w <= tolerance * abs(height_w) + search.rounding_w:
            break
        if not search.look(prices) and not at_border:
            break
    return Priced(search.best, search.mixed(), tuple(search.picks[-3:]), len(search.picks))


@dataclass(slots=True)
class _Planes:
    """One evaluation: per block the height at no prices and the slopes; `group` and `load` say who was busy where."""

    height_w: Array
    uplink: Array
    value: Array
    group: Indices
    load: Array


class _Marginals(Protocol):
    @property
    def marginals(self) -> Array: ...


class _Solved(Protocol):
    """What scipy answers."""

    @property
    def status(self) -> int: ...
    @property
    def fun(self) -> float: ...
    @property
    def x(self) -> Array: ...
    @property
    def ineqlin(self) -> _Marginals: ...


def _sums(index: Indices, values: Array, count: int) -> Array:
    return np.asarray(np.bincount(index, values, minlength=count), dtype=np.float64)


class _Search:
    """Planes above the bound. Prices of uplinks are watts here, for all that an uplink carries."""

    def __init__(self, columns: Columns, states: States, groups: Groups, uplink_bps: Array) -> None:
        self.columns, self.states, self.groups, self.uplink_bps = columns, states, groups, uplink_bps
        uplinks = uplink_bps.size
        edges = np.arange(columns.edges)
        parts = max(1, -(-min(_BLOCKS, columns.edges) // (uplinks + 1)))
        # Edges of one uplink in a few blocks; which ones is of no matter.
        key = columns.uplink * parts + edges % parts
        _, self.block = np.unique(key, return_inverse=True)
        self.blocks = int(self.block.max()) + 1
        self.block_uplink = np.zeros(self.blocks, dtype=np.int64)
        self.block_uplink[self.block] = columns.uplink
        self.most_w = groups.most_w(states)
        self.planes: list[_Planes] = []
        self.picks: list[Indices] = []
        self.seen: set[bytes] = set()
        self.weights: Array | None = None
        self.rounding_w = 0.0
        self.width_w = 0.0

    best: Valued

    def look(self, prices: Prices) -> bool:
        """Evaluate at some prices; False where that was done before."""
        key = prices.uplink_w_bps.tobytes() + prices.value_w.tobytes()
        if key in self.seen:
            return False
        self.seen.add(key)
        one = valued(self.columns, self.states, self.groups, self.uplink_bps, prices)
        picks = self.columns.first_least(one.worth_w, one.least_w)
        self.picks.append(picks)
        self.planes.append(self._planes(one, picks))
        if len(self.picks) == 1 or one.bound_w > self.best.bound_w:
            self.best = one
        at_w = float((prices.uplink_w_bps * self.uplink_bps).sum())
        self.rounding_w = 1e-12 * (abs(one.bound_w) + at_w)
        own_w = float(np.abs(one.least_w).sum()) + float(self.most_w.sum())
        self.width_w = max(self.width_w, 4.0 * max(own_w / max(1, self.groups.count.size), 1e-9))
        return True

    def _planes(self, one: Valued, picks: Indices) -> _Planes:
        columns, states = self.columns, self.states
        state, load, share_bps = columns.state[picks], columns.load[picks], one.share_bps[picks]
        radio_w = np.divide(
            columns.radio_w_bps[picks], share_bps, out=np.zeros(picks.size), where=columns.radio_w_bps[picks] > 0.0
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            servers = np.where(load > 0.0, load / states.capacity[state], 0.0)
        height_w = _sums(
            self.block,
            columns.power_w[picks] + radio_w + servers * states.idle_w[state],
            self.blocks,
        )
        shares = np.append(1.0 / self.uplink_bps, 0.0)[columns.uplink] * share_bps
        busy = _sums(self.block * states.count + state, servers, self.blocks * states.count)
        busy = busy.reshape(self.blocks, states.count)
        value = np.zeros((self.blocks, self.groups.count.size))
        for group in range(self.groups.count.size):
            value[:, group] = busy[:, (one.group == group) & (states.group >= 0)].sum(axis=1)
        return _Planes(height_w, _sums(self.block, shares, self.blocks), value, one.group, busy)

    def peak(self) -> tuple[Prices, float, bool] | None:
        """The highest point below all planes: the prices, its height, and whether it is at the border; None without."""
        from scipy import sparse  # noqa: PLC0415 - takes longer to import than small fleets to plan
        from scipy.optimize import linprog  # noqa: PLC0415

        blocks, uplinks = self.blocks, self.uplink_bps.size
        scale_w = max(abs(self.best.bound_w), 1e-9)
        rows = len(self.planes) * blocks
        height = np.concatenate([one.height_w for one in self.planes])
        row, block = np.arange(rows), np.tile(np.arange(blocks), len(self.planes))
        shared = self.block_uplink[block] < uplinks
        value = sparse.csr_matrix(np.concatenate([one.value for one in self.planes]))
        uplink = sparse.csr_matrix(
            (
                -np.concatenate([one.uplink for one in self.planes])[shared],
                (row[shared], self.block_uplink[block][shared]),
            ),
            shape=(rows, uplinks),
        )
        own = sparse.csr_matrix((np.ones(rows), (row, block)), shape=(rows, blocks))
        solve = cast("Callable[..., _Solved]", linprog)
        solved = solve(
            -np.concatenate((np.ones(blocks), -np.ones(uplinks), self.groups.count.astype(np.float64))),
            A_ub=sparse.hstack((own, uplink, value), format="csr"),
            b_ub=height / scale_w,
            bounds=np.concatenate(
                (
                    np.tile([-np.inf, np.inf], (blocks, 1)),
                    np.tile([0.0, self.width_w / scale_w], (uplinks, 1)),
                    np.stack((self.most_w - self.width_w, self.most_w), axis=1) / scale_w,
                )
            ),
            method="highs",
        )
        if solved.status != 0:
            return None
        self.weights = -np.asarray(solved.ineqlin.marginals)
        first_w, value_w = solved.x[blocks : blocks + uplinks] * scale_w, solved.x[blocks + uplinks :] * scale_w
        prices = Prices(np.maximum(first_w, 0.0) / self.uplink_bps, np.minimum(value_w, self.most_w))
        edge_w = 0.999 * self.width_w
        at_border = bool((first_w >= edge_w).any() or (self.most_w - value_w >= edge_w)[self._sells()].any())
        if at_border:
            self.width_w *= _WIDER
        return prices, float(-solved.fun) * scale_w, at_border

    def _sells(self) -> NDArray[np.bool_]:
        return np.asarray(self.groups.open.any(axis=1))

    def mixed(self) -> Array:
        """How many servers of each group are busy in each state in the mix of all picks that the program found."""
        shape = (self.groups.count.size, self.states.count)
        servers = np.zeros(shape)
        if not shape[0]:
            return servers
        weights = self.weights
        planes = self.planes
        if weights is None or weights.size > len(planes) * self.blocks or weights.size == 0:
            planes, weights = planes[-1:], np.ones(self.blocks)
        for one, weight in zip(planes, weights.reshape(-1, self.blocks), strict=False):
            busy = weight @ one.load
            np.add.at(servers, (one.group[1:], np.arange(1, self.states.count)), busy[1:])
        return servers
