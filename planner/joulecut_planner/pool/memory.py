"""What a plan of a pool leaves for the next one: prices, and who was placed where with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from joulecut_core.pools import Pool, PoolEdge
from joulecut_planner.choices.grids import Array
from joulecut_planner.pool.answers import Served
from joulecut_planner.pool.columns import HOME, Columns, States
from joulecut_planner.pool.edge_offers import Menu
from joulecut_planner.pool.placement import Placing
from joulecut_planner.pool.pricing import Groups, Prices, valued
from joulecut_planner.pool.search import Ground
from joulecut_planner.pool.server_classes import ServerClass

_ClassKey = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Prices by uplink's name and by class of servers, and the last plan's edges by name."""

    uplink_w_bps: Mapping[str, float] = field(default_factory=dict)
    value_w: Mapping[_ClassKey, float] = field(default_factory=dict)
    former: Mapping[str, Served] = field(default_factory=dict)

    @classmethod
    def of(cls, pool: Pool, classes: Sequence[ServerClass], served: Sequence[Served], prices: Prices | None) -> Memory:
        """What is worth remembering of a plan."""
        former = {one.plan.name: one for one in served}
        if prices is None:
            return cls(former=former)
        uplinks = zip(pool.uplinks, prices.uplink_w_bps.tolist(), strict=True)
        values = zip(classes, prices.value_w.tolist(), strict=True)
        return cls({one.name: price for one, price in uplinks}, {_key(one): value for one, value in values}, former)

    def prices(self, pool: Pool, classes: Sequence[ServerClass], groups: Groups, states: States) -> Prices | None:
        """The last prices for what was there before, none for what is new; None without any."""
        if not self.value_w:
            return None
        most_w = groups.most_w(states)
        return Prices(
            np.array([self.uplink_w_bps.get(one.name, 0.0) for one in pool.uplinks], dtype=np.float64),
            np.array([self.value_w.get(_key(one), most) for one, most in zip(classes, most_w.tolist(), strict=True)]),
        )

    def placing(
        self,
        pool: Pool,
        edges: Sequence[PoolEdge],
        menus: Sequence[Menu],
        columns: Columns,
        ground: Ground,
        groups: Groups,
        prices: Prices,
    ) -> Placing | None:
        """The last plan with its edges where they were, as far as they still fit, and the others put where it is cheap.

        None where one of them fits nowhere.
        """
        place = {server.name: index for index, server in enumerate(pool.servers)}
        state = np.zeros(len(pool.servers), dtype=np.int64)
        for one in self.former.values():
            server = place.get(one.plan.server or "")
            if server is not None:
                state[server] = _state(ground, server, one.point)
        placing = Placing(columns, ground.states, ground.yard, state)
        rest = []
        for number, (edge, menu) in enumerate(zip(edges, menus, strict=True)):
            column = self._column(edge, menu, columns, number, place, placing)
            if column is None:
                rest.append(number)
        worth_w = valued(columns, ground.states, groups, ground.yard.uplink_bps, prices).worth_w
        usable = placing.usable()[columns.state]
        return placing if all(_put(placing, edge, worth_w, usable) for edge in rest) else None

    def _column(
        self,
        edge: PoolEdge,
        menu: Menu,
        columns: Columns,
        number: int,
        place: Mapping[str, int],
        placing: Placing,
    ) -> int | None:
        """Put an edge where it was; its column, or None where that is no more or does not fit."""
        former = self.former.get(edge.name)
        if former is None:
            return None
        server = None if former.plan.server is None else place.get(former.plan.server)
        if server is None and former.plan.server is not None:
            return None
        state = HOME if server is None else int(placing.state[server])
        group = -1 if state == HOME else int(placing.states.group[state])
        known = next((one for number, one in [(-1, menu.home), *menu.remote] if number == group), None)
        if known is not former.known:
            return None
        first, last = int(columns.start[number]), int(columns.start[number + 1])
        span = slice(first, last)
        match = np.flatnonzero((columns.state[span] == state) & (columns.source[span] == former.offer))
        if not match.size:
            return None
        column = first + int(match[0])
        fits = placing.put(number, column) if server is None else placing.put_on(number, column, server)
        return column if fits else None


def _state(ground: Ground, server: int, point: int) -> int:
    """The state of a server at an operating point; HOME where it has no such point."""
    group = int(ground.yard.group[server])
    match = np.flatnonzero((ground.states.group == group) & (ground.states.point == point))
    return int(match[0]) if match.size else HOME


def _put(placing: Placing, edge: int, worth_w: Array, usable: NDArray[np.bool_]) -> bool:
    first, last = int(placing.columns.start[edge]), int(placing.columns.start[edge + 1])
    open_to = first + np.flatnonzero(usable[first:last])
    order = open_to[np.argsort(worth_w[open_to], kind="stable")]
    return any(placing.put(edge, column) for column in order.tolist())


def _key(one: ServerClass) -> _ClassKey:
    return (one.kind, one.bounds, one.empty_w, one.empty_point, one.may_serve)
