"""What offers are worth when uplink and server time have a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import Values

TINY_BPS = 1e-290
"""Stands for no share at all where a radio of 0 is divided by it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a bit per second of uplink (W·s/bit) and the whole of the server's time (W) cost an edge."""

    uplink_w_bps: float
    load_w: float


FREE = Prices(0.0, 0.0)


def shares_bps(radio_w_bps: Array, least_bps: Array, most_bps: Values, price_w_bps: float) -> Array:
    """The share that each offer takes at a price of the uplink: the least of radio / x + price * x within its range."""
    if price_w_bps == 0.0:
        return np.where(radio_w_bps > 0.0, most_bps, least_bps)
    # A tiny price asks for a share beyond all numbers, which the largest share then bounds.
    with np.errstate(over="ignore"):
        wanted_bps = np.sqrt(radio_w_bps / price_w_bps)
    return np.minimum(np.maximum(wanted_bps, least_bps), most_bps)


def worths_w(power_w: Array, radio_w_bps: Array, load: Array, share_bps: Array, prices: Prices) -> Array:
    """The watts of each offer at its share, with what it takes at `prices`."""
    worth_w = power_w + radio_w_bps / np.maximum(share_bps, TINY_BPS)
    if prices.uplink_w_bps > 0.0:
        worth_w += prices.uplink_w_bps * share_bps
    if prices.load_w > 0.0:
        worth_w += prices.load_w * load
    return worth_w
