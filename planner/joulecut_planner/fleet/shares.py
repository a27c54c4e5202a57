"""Shares of the uplink for edges whose offers are settled: the convex part of the problem, in closed form.

    minimise  sum radio_n / x_n    subject to  least_n <= x_n <= most_n,  sum x_n <= capacity

At the optimum one price holds for all: x_n = clip(sqrt(radio_n / price), least_n, most_n). The sum of shares
is piecewise linear in 1 / sqrt(price), so sorting its bends finds the price exactly (water-filling).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array


@dataclass(frozen=True, slots=True)
class Filled:
    """The shares, in bits per second, and what another bit per second would save (W·s/bit); 0 where there is enough."""

    share_bps: Array
    price_w_bps: float


def fill(radio_w_bps: Array, least_bps: Array, most_bps: Array, capacity_bps: float) -> Filled:
    """The shares that cost the radios least; who has no radio to save on gets his least.

    All arrays of shape (edges,), least <= most. Where even the least shares exceed `capacity_bps` they are given.
    """
    thirsty = radio_w_bps > 0.0
    full = np.where(thirsty, most_bps, least_bps)
    if float(full.sum()) <= capacity_bps or not thirsty.any():
        return Filled(full, 0.0)
    share_bps = least_bps.copy()
    left_bps = capacity_bps - float(least_bps[~thirsty].sum())
    root = np.sqrt(radio_w_bps[thirsty])
    level = _level(root, least_bps[thirsty], most_bps[thirsty], left_bps)
    share_bps[thirsty] = np.clip(root * level, least_bps[thirsty], most_bps[thirsty])
    return Filled(share_bps, 1.0 / (level * level))


def spread(share_bps: Array, most_bps: Array, lucky: NDArray[np.bool_], capacity_bps: float) -> Array:
    """`share_bps` with what is left of the capacity given to the `lucky`, the smallest shares first.

    More than is needed costs nothing without a radio's draw, and makes answers earlier.
    """
    left_bps = capacity_bps - float(share_bps.sum())
    if left_bps <= 0.0 or not lucky.any():
        return share_bps
    low, high = share_bps[lucky], most_bps[lucky]
    if float((high - low).sum()) <= left_bps:
        raised = high
    else:
        raised = np.clip(_level(np.ones_like(low), low, high, left_bps + float(low.sum())), low, high)
    result: Array = share_bps.copy()
    result[lucky] = raised
    return result


def _level(slope: Array, low: Array, high: Array, total: float) -> float:
    """The least s with sum clip(slope * s, low, high) = total, for total below the sum of `high`."""
    bends = np.concatenate((low / slope, high / slope))
    turns = np.concatenate((slope, -slope))
    order = np.argsort(bends, kind="stable")
    bends, slopes = bends[order], np.cumsum(turns[order])
    sums = float(low.sum()) + np.concatenate(([0.0], np.cumsum(slopes[:-1] * np.diff(bends))))
    place = int(np.searchsorted(sums, total, side="left"))
    if place == 0:
        return float(bends[0])
    if place == sums.size:
        return float(bends[-1])
    rest = total - float(sums[place - 1])
    return float(bends[place - 1]) + rest / float(slopes[place - 1])
