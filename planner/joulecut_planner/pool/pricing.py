"""What columns cost at prices of the uplinks and of the servers, and the lower bound that follows for any prices.

A server's price is one number: `value_w`, what a whole server of a group may cost the pool at most for whatever it
does. From it the price of its time at each operating point follows: (idle_w - value_w) / utilisation. So a
group of identical servers has one price and not one for each point, and the bound loses nothing: any larger
price of time at a point raises what edges pay there and takes nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.worth import TINY_BPS
from joulecut_planner.pool.columns import Columns, States

_ROUNDING = 1e-13
"""Relative to the sum of all terms' sizes: more than the rounding of sums of 10^5 of them."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The servers by what they may still do: `count` alike of class `group`, in the `open` states, or empty.

    Shapes (groups,), (groups, states), (groups,), (groups,); `empty_w` is what an empty one costs, infinite where they
    have to serve.
    """

    group: Indices
    open: NDArray[np.bool_]
    empty_w: Array
    count: Indices

    def most_w(self, states: States) -> Array:
        """The highest value that a server of each group can have: what its cheapest state costs without edges."""
        open_w = np.where(self.open, states.idle_w[None, :], np.inf).min(axis=1, initial=np.inf)
        most_w: Array = np.minimum(self.empty_w, open_w)
        return most_w

    def usable(self) -> NDArray[np.bool_]:
        """The states that some server may be in, and HOME."""
        usable: NDArray[np.bool_] = np.asarray(self.open.any(axis=0))
        usable[0] = True
        return usable


@dataclass(frozen=True, slots=True)
class Prices:
    """What a bit per second of each uplink costs (W·s/bit), and what a server of each group is worth (W)."""

    uplink_w_bps: Array
    value_w: Array


@dataclass(frozen=True, slots=True)
class Valued:
    """Columns at prices: what each costs with what it takes (`worth_w`), the least per edge, and the proved bound.

    `group` is for each state the group whose servers are the cheapest there, `time_w` the price of their time.
    """

    prices: Prices
    worth_w: Array
    least_w: Array
    share_bps: Array
    group: Indices
    time_w: Array
    bound_w: float


def time_prices_w(groups: Groups, states: States, value_w: Array) -> tuple[Indices, Array]:
    """Of each state the group with the cheapest time and the price of the whole time of a server; HOME is free."""
    if not groups.count.size:
        return np.zeros(states.count, dtype=np.int64), np.zeros(states.count)
    best = np.where(groups.open, value_w[:, None], -np.inf)
    group = best.argmax(axis=0)
    highest_w = best[group, np.arange(states.count)]
    with np.errstate(divide="ignore", invalid="ignore"):
        time_w = (states.idle_w - highest_w) / states.capacity
    # Without capacity there is nothing to sell, and nothing that takes any.
    time_w[~np.isfinite(time_w) | (states.capacity == 0.0)] = 0.0
    time_w[0] = 0.0
    return group, np.maximum(time_w, 0.0)


def valued(columns: Columns, states: States, groups: Groups, uplink_bps: Array, prices: Prices) -> Valued:
    """Every column at its best share under `prices`, and the lower bound on the pool's power that follows.

    `uplink_bps`: what each shared uplink carries, tolerance included. All columns are in usable states.
    """
    value_w = np.minimum(prices.value_w, groups.most_w(states))
    group, time_w = time_prices_w(groups, states, value_w)
    price = np.append(prices.uplink_w_bps, 0.0)[columns.uplink][columns.owner]
    share_bps = shares_bps(columns, price)
    worth_w = columns.power_w + columns.radio_w_bps / np.maximum(share_bps, TINY_BPS)
    worth_w += price * share_bps
    worth_w += time_w[columns.state] * columns.load
    least_w = np.minimum.reduceat(worth_w, columns.start[:-1])
    uplink_w = float((prices.uplink_w_bps * uplink_bps).sum())
    servers_w = float((groups.count * value_w).sum())
    # An idle draw that a busy server saves is in every offer, where it may cancel against others.
    idles_w = float((groups.count * (np.abs(value_w) + states.idle_w.max())).sum()) + states.idle_w.max() * least_w.size
    sizes_w = float(np.abs(least_w).sum()) + uplink_w + idles_w
    bound_w = float(least_w.sum()) - uplink_w + servers_w - _ROUNDING * sizes_w
    return Valued(Prices(prices.uplink_w_bps, value_w), worth_w, least_w, share_bps, group, time_w, bound_w)


def shares_bps(columns: Columns, price_w_bps: Array) -> Array:
    """The share that each column takes at its price of the uplink: the least of radio / x + price * x in its range."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        wanted_bps = np.sqrt(columns.radio_w_bps / price_w_bps)
    free = price_w_bps == 0.0
    if free.any():
        wanted_bps = np.where(free, np.where(columns.radio_w_bps > 0.0, columns.most_bps, 0.0), wanted_bps)
    return np.minimum(np.maximum(wanted_bps, columns.least_bps), columns.most_bps)
