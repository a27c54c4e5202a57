"""Moves that save power: another offer for an edge, a server emptied, a server at another clock.

Each is weighed at the margin, at the prices that the uplinks have in the present plan, and kept only where the
plan with its shares filled anew draws less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.worth import TINY_BPS
from joulecut_planner.pool.columns import HOME
from joulecut_planner.pool.placement import Placed, Placing
from joulecut_planner.pool.pricing import shares_bps

_ROUNDS = 60
"""Rounds of moves at most; each saves something, so they end by themselves."""

_WORTHWHILE = 1e-9
"""Relative: a move that saves less is rounding."""

_TRIED = 24
"""Moves of whole servers that are tried in a round: those that promise most."""


def improved(placing: Placing, is_over: Callable[[], bool]) -> Placed:
    """The plan after every move that saves power, until the time is over."""
    present = placing.settled()
    for _ in range(_ROUNDS):
        if is_over():
            break
        eps_w = _WORTHWHILE * abs(present.power_w)
        better = _singles(placing, present, eps_w)
        if better is None:
            better = _servers(placing, present, eps_w)
        if better is None:
            break
        placing, present = better
    return present


def _margins_w(placing: Placing, present: Placed) -> Array:
    """What each column draws at the present prices of the uplinks."""
    columns = placing.columns
    price = np.append(present.price_w_bps, 0.0)[columns.uplink][columns.owner]
    share_bps = shares_bps(columns, price)
    worth_w: Array = columns.power_w + columns.radio_w_bps / np.maximum(share_bps, TINY_BPS) + price * share_bps
    return worth_w


def _singles(placing: Placing, present: Placed, eps_w: float) -> tuple[Placing, Placed] | None:
    """The plan after as many saving moves of single edges as fit; None where none saves."""
    columns = placing.columns
    worth_w = _margins_w(placing, present)
    held = placing.column[columns.owner]
    saved_w = worth_w[held] - worth_w
    spare_bps = placing.spare_bps[columns.uplink][columns.owner]
    spare = np.append(placing.spare, 0.0)[placing.server][columns.owner]
    stays = (columns.state == columns.state[held]) & (columns.load - columns.load[held] <= spare)
    good = (saved_w > eps_w) & (columns.least_bps - columns.least_bps[held] <= spare_bps)
    good &= stays | (columns.load <= placing.room()[columns.state])
    if not good.any():
        return None
    score = np.where(good, saved_w, -np.inf)
    best_w = np.maximum.reduceat(score, columns.start[:-1])
    moves = np.flatnonzero(good & (score >= best_w[columns.owner]))
    moves = moves[np.argsort(-score[moves], kind="stable")]
    for taken in (moves, moves[:1]):
        trial = placing.copy()
        done: set[int] = set()
        for column in taken.tolist():
            edge = int(columns.owner[column])
            if edge not in done and trial.move(edge, column):
                done.add(edge)
        settled = trial.settled()
        if settled.power_w < present.power_w - eps_w:
            return trial, settled
    return None


def _servers(placing: Placing, present: Placed, eps_w: float) -> tuple[Placing, Placed] | None:
    """The plan after the first move of a whole server that saves: emptied, or with its edges in another state."""
    columns, states = placing.columns, placing.states
    worth_w = _margins_w(placing, present)
    key = columns.owner * states.count + columns.state
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    best_w = np.full(columns.edges * states.count, np.inf)
    best_w[key[first]] = np.minimum.reduceat(worth_w, first)
    by_state = best_w.reshape(columns.edges, states.count)
    held_w = worth_w[placing.column]
    room = placing.room()
    fits = columns.load <= room[columns.state]
    else_w = np.minimum.reduceat(np.where(fits, worth_w, np.inf), columns.start[:-1]) - held_w
    promises: list[tuple[float, int, int]] = []
    for server in np.flatnonzero(placing.placed > 0).tolist():
        who = np.flatnonzero(placing.server == server)
        state = int(placing.state[server])
        idle_w = float(states.idle_w[state])
        empties_w = float(placing.yard.empty_w[server]) - idle_w + float(else_w[who].sum())
        promises.append((empties_w, server, HOME))
        change_w = by_state[who].sum(axis=0) - float(held_w[who].sum()) + states.idle_w - idle_w
        change_w[(states.group != placing.yard.group[server])] = np.inf
        change_w[state] = np.inf
        other = int(change_w.argmin())
        promises.append((float(change_w[other]), server, other))
    promises.sort()
    for change_w, server, state in promises[:_TRIED]:
        if change_w >= -eps_w:
            return None
        trial = _restated(placing, server, state, worth_w)
        if trial is None:
            continue
        settled = trial.settled()
        if settled.power_w < present.power_w - eps_w:
            return trial, settled
    return None


def _restated(placing: Placing, server: int, state: int, worth_w: Array) -> Placing | None:
    """The plan with a server in another state, its edges there or wherever they fit; None where one fits nowhere."""
    trial = placing.copy()
    columns = placing.columns
    who = np.flatnonzero(placing.server == server)
    who = who[np.argsort(-columns.load[placing.column[who]], kind="stable")]
    for edge in who.tolist():
        trial.take(edge)
    trial.set_state(server, state)
    usable = trial.usable()[columns.state]
    for edge in who.tolist():
        if not _put_anywhere(trial, edge, server, worth_w, usable):
            return None
    return trial


def _put_anywhere(trial: Placing, edge: int, server: int, worth_w: Array, usable: NDArray[np.bool_]) -> bool:
    columns = trial.columns
    first, last = int(columns.start[edge]), int(columns.start[edge + 1])
    open_to: Indices = first + np.flatnonzero(usable[first:last])
    order = open_to[np.argsort(worth_w[open_to], kind="stable")]
    return any(
        (trial.state[server] != HOME and trial.put_on(edge, column, server)) or trial.put(edge, column)
        for column in order.tolist()
    )
