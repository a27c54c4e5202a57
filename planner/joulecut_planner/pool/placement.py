"""Who is placed where with which offer: a plan in the making, with what is left of every server and uplink."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.shares import fill
from joulecut_planner.pool.columns import HOME, Columns, States

NOBODY = -1
"""The server of an edge that stays on its own."""


@dataclass(frozen=True, slots=True)
class Yard:
    """The servers one by one, shape (servers,): the class of each and what it costs without edges; and the uplinks."""

    group: Indices
    empty_w: Array
    uplink_bps: Array


@dataclass(frozen=True, slots=True)
class Placed:
    """A feasible plan: a column, a server and a share for each edge, a state for each server (HOME: empty).

    `price_w_bps` is what another bit per second of each uplink would save.
    """

    column: Indices
    server: Indices
    state: Indices
    share_bps: Array
    price_w_bps: Array
    power_w: float


class Placing:
    """Edges on servers in given states; keeps what is left of every server's time and of every uplink.

    `state` is that of each server, HOME where it is not to be used. Only the servers and uplinks that a move
    touches are looked at, so that thousands of moves are cheap.
    """

    def __init__(self, columns: Columns, states: States, yard: Yard, state: Indices) -> None:
        self.columns, self.states, self.yard = columns, states, yard
        self.state = state.copy()
        self.column = np.full(columns.edges, -1, dtype=np.int64)
        self.server = np.full(columns.edges, NOBODY, dtype=np.int64)
        self.spare = np.where(state == HOME, 0.0, states.capacity[state])
        self.spare_bps = np.append(yard.uplink_bps, np.inf)
        self.placed = np.zeros(state.size, dtype=np.int64)
        self._rooms: dict[int, list[tuple[float, int]]] = {}
        for server in np.flatnonzero(state != HOME).tolist():
            self._rooms.setdefault(int(state[server]), []).append((float(self.spare[server]), server))
        for rooms in self._rooms.values():
            rooms.sort()

    def copy(self) -> Placing:
        """The same plan, to try moves on."""
        other = Placing(self.columns, self.states, self.yard, self.state)
        other.column, other.server = self.column.copy(), self.server.copy()
        other.spare, other.spare_bps = self.spare.copy(), self.spare_bps.copy()
        other.placed = self.placed.copy()
        other._rooms = {state: list(rooms) for state, rooms in self._rooms.items()}
        return other

    def room(self) -> Array:
        """Of each state the most time that one server in it has left; nothing where there is no server, all at HOME."""
        room = np.full(self.states.count, -1.0)
        for state, rooms in self._rooms.items():
            if rooms:
                room[state] = rooms[-1][0]
        room[HOME] = np.inf
        return room

    def usable(self) -> NDArray[np.bool_]:
        """The states that some server is in, and HOME."""
        usable = np.zeros(self.states.count, dtype=np.bool_)
        usable[self.state] = usable[HOME] = True
        return usable

    def put(self, edge: int, column: int) -> bool:
        """Place an unplaced edge with a column on the fullest server that it fits on; False, and no change, else."""
        columns = self.columns
        uplink = int(columns.uplink[edge])
        least_bps = float(columns.least_bps[column])
        if least_bps > self.spare_bps[uplink]:
            return False
        state, load = int(columns.state[column]), float(columns.load[column])
        if state != HOME:
            rooms = self._rooms.get(state, [])
            place = bisect_left(rooms, (load, -1))
            if place == len(rooms):
                return False
            spare, server = rooms.pop(place)
            self.spare[server] = spare - load
            insort(rooms, (float(self.spare[server]), server))
            self.server[edge] = server
            self.placed[server] += 1
        self.column[edge] = column
        self.spare_bps[uplink] -= least_bps
        return True

    def put_on(self, edge: int, column: int, server: int) -> bool:
        """Place an unplaced edge on one server, in the state that the column needs; False, and no change, else."""
        columns = self.columns
        load, least_bps = float(columns.load[column]), float(columns.least_bps[column])
        uplink, state = int(columns.uplink[edge]), int(columns.state[column])
        if self.state[server] != state or load > self.spare[server] or least_bps > self.spare_bps[uplink]:
            return False
        self._respare(server, float(self.spare[server]) - load)
        self.server[edge] = server
        self.placed[server] += 1
        self.column[edge] = column
        self.spare_bps[uplink] -= least_bps
        return True

    def take(self, edge: int) -> tuple[int, int]:
        """Unplace an edge; the column and the server that it had."""
        column, server = int(self.column[edge]), int(self.server[edge])
        self.spare_bps[self.columns.uplink[edge]] += self.columns.least_bps[column]
        if server != NOBODY:
            self._respare(server, float(self.spare[server]) + float(self.columns.load[column]))
            self.placed[server] -= 1
        self.column[edge], self.server[edge] = -1, NOBODY
        return column, server

    def move(self, edge: int, column: int) -> bool:
        """Another column for a placed edge, on the same server if it can be; False, and no change, else."""
        former, server = self.take(edge)
        if server != NOBODY and self.put_on(edge, column, server):
            return True
        if self.put(edge, column):
            return True
        self._back(edge, former, server)
        return False

    def set_state(self, server: int, state: int) -> None:
        """Another state for a server that nobody is placed on."""
        former = int(self.state[server])
        if former != HOME:
            self._rooms[former].remove((float(self.spare[server]), server))
        self.state[server] = state
        self.spare[server] = 0.0 if state == HOME else self.states.capacity[state]
        if state != HOME:
            insort(self._rooms.setdefault(state, []), (float(self.spare[server]), server))

    def settled(self) -> Placed:
        """The plan with the shares that cost the radios least; every edge is placed."""
        columns, column = self.columns, self.column
        radio_w_bps = columns.radio_w_bps[column]
        share_bps, price = shares(columns, column, self.yard.uplink_bps)
        used = radio_w_bps > 0.0
        state = np.where(self.placed > 0, self.state, HOME)
        servers_w = np.where(state == HOME, self.yard.empty_w, self.states.idle_w[state])
        power_w = float(columns.power_w[column].sum()) + float((radio_w_bps[used] / share_bps[used]).sum())
        return Placed(column.copy(), self.server.copy(), state, share_bps, price, power_w + float(servers_w.sum()))

    def _back(self, edge: int, column: int, server: int) -> None:
        self.column[edge], self.server[edge] = column, server
        self.spare_bps[self.columns.uplink[edge]] -= self.columns.least_bps[column]
        if server != NOBODY:
            self._respare(server, float(self.spare[server]) - float(self.columns.load[column]))
            self.placed[server] += 1

    def _respare(self, server: int, spare: float) -> None:
        rooms = self._rooms[int(self.state[server])]
        rooms.remove((float(self.spare[server]), server))
        self.spare[server] = spare
        insort(rooms, (spare, server))


def shares(columns: Columns, column: Indices, uplink_bps: Array) -> tuple[Array, Array]:
    """The shares that cost the radios least for one column per edge, and each uplink's price; the least shares fit."""
    radio, least, most = columns.radio_w_bps[column], columns.least_bps[column], columns.most_bps[column]
    share_bps = np.where(radio > 0.0, most, least)
    price = np.zeros(uplink_bps.size)
    order = np.argsort(columns.uplink, kind="stable")
    bounds = np.searchsorted(columns.uplink[order], np.arange(uplink_bps.size + 1))
    for uplink, capacity_bps in enumerate(uplink_bps.tolist()):
        who = order[bounds[uplink] : bounds[uplink + 1]]
        if who.size:
            filled = fill(radio[who], least[who], most[who], capacity_bps)
            share_bps[who], price[uplink] = filled.share_bps, filled.price_w_bps
    return share_bps, price


def inserted(
    columns: Columns, states: States, yard: Yard, state: Indices, worth_w: Array, order: Sequence[int]
) -> Placing | None:
    """Edges placed one by one in some order, each with the cheapest of its columns that fits; None where none does."""
    placing = Placing(columns, states, yard, state)
    start = columns.start.tolist()
    for edge in order:
        first, last = start[edge], start[edge + 1]
        for column in (first + np.argsort(worth_w[first:last], kind="stable")).tolist():
            if placing.put(edge, column):
                break
        else:
            return None
    return placing
