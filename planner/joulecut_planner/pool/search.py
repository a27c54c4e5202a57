"""Best-first branch and bound over what servers do, and for few edges over what edges do as well.

A node says for groups of servers in which states they may be, and of each edge which columns are left. Its bound is
the Lagrangian's (`cutting_planes`), its plan the rounded one (`rounding`). Where the relaxation wants a fraction of
servers up to some operating point, the node is split: at most so many of them there, or one more. Where
every server is a class of its own the edges' columns are split too, and the search ends with the optimum.
What is open, was dropped, or could not be split bounds the optimum from below.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from joulecut_core.errors import PlanError
from joulecut_planner.choices.grids import Indices
from joulecut_planner.pool.branching import edge_sides, server_sides
from joulecut_planner.pool.columns import HOME, Columns, States
from joulecut_planner.pool.cutting_planes import Priced, best_prices
from joulecut_planner.pool.improving import improved
from joulecut_planner.pool.placement import Placed, Placing, Yard
from joulecut_planner.pool.pricing import Groups, Prices
from joulecut_planner.pool.rounding import Rounder, effort_of

_PRECISION = 0.05
"""Precision of a node's prices, relative to the gap that is enough."""

_OVERHEAD = 20_000
"""What a node costs besides its columns, in columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When to stop: the gap that is enough, columns valued in all, and whether the time is over."""

    gap: float
    columns: int
    is_over: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a search is about: servers by class, their states, and whether each class is one server."""

    states: States
    yard: Yard
    members: tuple[tuple[int, ...], ...]

    @property
    def exact(self) -> bool:
        """Whether edges can be settled one by one, every server being a class of its own."""
        return all(len(one) == 1 for one in self.members)


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan and the columns that it is about, the proved bound, and the root's prices.

    `proved` is whether nothing is left that could hold a plan: without one there is none.
    """

    placed: Placed | None
    columns: Columns
    bound_w: float
    prices: Prices | None
    proved: bool
    nodes: int


@dataclass(order=True, slots=True)
class _Node:
    bound_w: float
    number: int
    groups: Groups = field(compare=False)
    columns: Columns = field(compare=False)
    prices: Prices | None = field(compare=False)


def search(
    ground: Ground,
    groups: Groups,
    columns: Columns,
    effort: Effort,
    *,
    start: Prices | None = None,
    former: Placing | None = None,
) -> Found:
    """The plan of least power, or as near as `effort` allows. `former`: a plan to improve on, at prices `start`."""
    state = _Search(ground, columns, effort)
    if former is not None:
        state.consider(former)
    state.add(-np.inf, groups, columns, start)
    state.run()
    return state.found()


class _Search:
    def __init__(self, ground: Ground, columns: Columns, effort: Effort) -> None:
        self.ground, self.columns, self.effort = ground, columns, effort
        self.rounder = Rounder(ground.states, ground.yard, ground.members)
        self.open: list[_Node] = []
        self.dropped_w = np.inf
        self.unsettled = False
        self.placed: Placed | None = None
        self.placed_columns = columns
        self.prices: Prices | None = None
        self.numbered = 0
        self.nodes = 0
        self.valued = 0

    def add(self, bound_w: float, groups: Groups, columns: Columns, prices: Prices | None) -> None:
        self.numbered += 1
        heapq.heappush(self.open, _Node(bound_w, self.numbered, groups, columns, prices))

    def ceiling_w(self) -> float:
        """What reaches this is not worth a look."""
        return np.inf if self.placed is None else self.placed.power_w - self.effort.gap * abs(self.placed.power_w)

    def found(self) -> Found:
        best_w = np.inf if self.placed is None else self.placed.power_w
        bound_w = min(best_w, self.dropped_w, self.open[0].bound_w if self.open else np.inf)
        proved = not self.open and not self.unsettled
        return Found(self.placed, self.placed_columns, float(bound_w), self.prices, proved, self.nodes)

    def run(self) -> None:
        while self.open and self.open[0].bound_w < self.ceiling_w():
            if self.nodes and (self.effort.is_over() or self.valued >= self.effort.columns):
                return
            self._process(self._next())

    def _next(self) -> _Node:
        if self.placed is not None:
            return heapq.heappop(self.open)
        # Until there is a plan, go deep: the newest node is the most settled one.
        newest = max(range(len(self.open)), key=lambda index: self.open[index].number)
        node = self.open.pop(newest)
        heapq.heapify(self.open)
        return node

    def _process(self, node: _Node) -> None:
        self.nodes += 1
        self.valued += _OVERHEAD
        ground, groups = self.ground, node.groups
        if ground.exact and node.columns.owner.size == node.columns.edges:
            self._leaf(node.columns)
            return
        worst_w = node.columns.worst_w() + self._servers_worst_w()
        worst_w += 1e-6 * abs(worst_w)
        priced = best_prices(
            node.columns,
            ground.states,
            groups,
            ground.yard.uplink_bps,
            node.prices,
            ceiling_w=min(self.ceiling_w(), worst_w),
            tolerance=_PRECISION * self.effort.gap,
            is_over=self.effort.is_over,
        )
        self.valued += effort_of(priced.steps, node.columns)
        if self.prices is None:
            self.prices = priced.best.prices
        if priced.bound_w > worst_w:
            return
        bound_w = max(node.bound_w, priced.bound_w)
        if bound_w < self.ceiling_w():
            self._round(node, priced)
        if bound_w >= self.ceiling_w():
            self.dropped_w = min(self.dropped_w, bound_w)
            return
        if self.effort.is_over():
            self.add(bound_w, groups, node.columns, None)
            return
        self._split(node, priced, bound_w)

    def _servers_worst_w(self) -> float:
        states, yard = self.ground.states, self.ground.yard
        return float((yard.empty_w + states.idle_w.max()).sum())

    def consider(self, placing: Placing) -> None:
        """Improve a plan as far as it goes, and keep it where it is the best."""
        placed = improved(placing, self.effort.is_over)
        if self.placed is None or placed.power_w < self.placed.power_w:
            self.placed, self.placed_columns = placed, placing.columns

    def _round(self, node: _Node, priced: Priced) -> None:
        for setting in self.rounder.settings(node.groups, priced, node.columns):
            made = self.rounder.placed(node.columns, setting, priced, self.effort.is_over)
            if made is None:
                continue
            placing, took = made
            self.valued += took
            self.consider(placing)
            if self.effort.is_over() or self.ceiling_w() <= priced.bound_w:
                return

    def _leaf(self, columns: Columns) -> None:
        """One column for each edge, every server a class of its own: a plan, or none."""
        ground = self.ground
        server = np.where(columns.state == HOME, -1, ground.states.group[columns.state])
        state = np.zeros(ground.yard.group.size, dtype=np.int64)
        who = np.flatnonzero(server >= 0)
        members = np.array([one[0] for one in ground.members], dtype=np.int64)
        state[members[server[who]]] = columns.state[who]
        placing = Placing(columns, ground.states, ground.yard, state)
        for edge in range(columns.edges):
            if not placing.put(edge, edge):
                return
        placed = placing.settled()
        self.dropped_w = min(self.dropped_w, placed.power_w)
        if self.placed is None or placed.power_w < self.placed.power_w:
            self.placed, self.placed_columns = placed, columns

    def _split(self, node: _Node, priced: Priced, bound_w: float) -> None:
        best, columns = priced.best, node.columns
        kept = best.bound_w + (best.worth_w - best.least_w[columns.owner]) < self.ceiling_w()
        if not kept.all():
            # What is left out would draw at least this much.
            self.dropped_w = min(self.dropped_w, self.ceiling_w())
        narrow = columns.only(kept)
        if narrow is None:
            return
        sides = server_sides(self.ground.states, node.groups, priced)
        if sides:
            for groups in sides:
                usable = groups.usable()[narrow.state]
                own = narrow.only(usable)
                if own is not None:
                    self.add(bound_w, groups, own, None)
            return
        if self.ground.exact:
            picks = _narrowed(priced.picks, kept)
            for side in edge_sides(narrow, self.ground.states, priced.best.worth_w[kept], picks):
                own = narrow.only(side)
                if own is not None:
                    self.add(bound_w, node.groups, own, best.prices)
            return
        self.unsettled = True
        self.dropped_w = min(self.dropped_w, bound_w)


def _narrowed(picks: tuple[Indices, ...], kept: NDArray[np.bool_]) -> list[Indices]:
    """Picks in the numbering of the columns that are kept, those only that are kept whole."""
    number = np.cumsum(kept) - 1
    return [number[one] for one in picks if kept[one].all()]


def unproved(nodes: int) -> PlanError:
    """The error where a search ended with neither a plan nor a proof that there is none."""
    return PlanError(
        f"pool: {nodes} nodes searched and neither a plan found nor a proof that there is none; "
        "expected one of both: allow more time, or loosen uplinks[].uplink_bps or servers[].server_utilisation"
    )
