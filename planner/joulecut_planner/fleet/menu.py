"""All edges' offers at one operating point of the server, side by side, and what they are worth at given prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.fleets import Shared
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.offers import Offers
from joulecut_planner.fleet.worth import TINY_BPS, Prices, shares_bps, worths_w

_ROUNDING = 1e-13
"""Relative to the sum of all terms' sizes: more than the rounding of sums of 10^5 of them."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the edges share: bits per second of uplink (infinite without a limit) and a share of the server's time."""

    uplink_bps: float
    load: float

    @classmethod
    def of(cls, shared: Shared) -> Budget:
        """The shared bounds, with the tolerance of the contract."""
        uplink_bps = np.inf if shared.uplink_bps is None else limit(shared.uplink_bps)
        return cls(float(uplink_bps), limit(shared.server_utilisation))


@dataclass(frozen=True, slots=True)
class Menu:
    """Offers of all edges, flat: those of edge n are start[n] to start[n + 1]; `owner` is the n of each.

    `source` numbers the offers within their edge's `Offers`. `idle_w` is what the server draws besides.
    """

    server_point: int
    idle_w: float
    start: Indices
    owner: Indices
    power_w: Array
    radio_w_bps: Array
    least_bps: Array
    most_bps: Array
    load: Array
    source: Indices

    @classmethod
    def of(cls, offers: Sequence[Offers], server_point: int, idle_w: float) -> Menu:
        """The offers of all edges at one server point."""
        spans = [slice(int(one.start[server_point]), int(one.start[server_point + 1])) for one in offers]
        counts = np.array([span.stop - span.start for span in spans], dtype=np.int64)
        owner = np.repeat(np.arange(len(offers)), counts)
        paired = list(zip(offers, spans, strict=True))
        return cls(
            server_point=server_point,
            idle_w=idle_w,
            start=np.concatenate(([0], np.cumsum(counts))),
            owner=owner,
            power_w=np.concatenate([one.power_w[span] for one, span in paired]),
            radio_w_bps=np.concatenate([one.radio_w_bps[span] for one, span in paired]),
            least_bps=np.concatenate([one.least_bps[span] for one, span in paired]),
            most_bps=np.array([one.most_bps for one in offers])[owner],
            load=np.concatenate([one.load[span] for one, span in paired]),
            source=np.concatenate([np.arange(span.start, span.stop) for span in spans]),
        )

    @property
    def edges(self) -> int:
        """How many edges choose."""
        return self.start.size - 1

    def only(self, kept: NDArray[np.bool_]) -> Menu:
        """The menu with some of its offers; at least one of each edge."""
        counts = np.add.reduceat(kept.astype(np.int64), self.start[:-1])
        return Menu(
            server_point=self.server_point,
            idle_w=self.idle_w,
            start=np.concatenate(([0], np.cumsum(counts))),
            owner=self.owner[kept],
            power_w=self.power_w[kept],
            radio_w_bps=self.radio_w_bps[kept],
            least_bps=self.least_bps[kept],
            most_bps=self.most_bps[kept],
            load=self.load[kept],
            source=self.source[kept],
        )

    def valued(self, prices: Prices, budget: Budget) -> Valued:
        """Every offer at its best share under `prices`, and the lower bound on the fleet's power that follows."""
        share_bps = shares_bps(self.radio_w_bps, self.least_bps, self.most_bps, prices.uplink_w_bps)
        worth_w = worths_w(self.power_w, self.radio_w_bps, self.load, share_bps, prices)
        least_w = np.minimum.reduceat(worth_w, self.start[:-1])
        return Valued(prices, worth_w, least_w, share_bps, bound_w(least_w, prices, budget, self.idle_w))

    def cheapest(self, valued: Valued) -> Indices:
        """For each edge the first of its best offers."""
        best = np.flatnonzero(valued.worth_w <= valued.least_w[self.owner])
        owner = self.owner[best]
        first = np.ones(best.size, dtype=np.bool_)
        np.not_equal(owner[1:], owner[:-1], out=first[1:])
        return best[first]

    def worst_w(self) -> float:
        """More than any feasible plan can draw here."""
        dearest_w = self.power_w + self.radio_w_bps / np.maximum(self.least_bps, TINY_BPS)
        return self.idle_w + float(np.maximum.reduceat(dearest_w, self.start[:-1]).sum())


@dataclass(frozen=True, slots=True)
class Valued:
    """Offers at prices: what each costs with what it takes (`worth_w`), the least per edge, and the proved bound."""

    prices: Prices
    worth_w: Array
    least_w: Array
    share_bps: Array
    bound_w: float


def bound_w(least_w: Array, prices: Prices, budget: Budget, idle_w: float) -> float:
    """The Lagrangian's lower bound on the fleet's power, less what rounding may add to it.

    `least_w`: what each edge's best offer costs, its needs at `prices` included.
    """
    uplink_w = prices.uplink_w_bps * budget.uplink_bps if prices.uplink_w_bps > 0.0 else 0.0
    load_w = prices.load_w * budget.load
    # An idle draw that a busy server saves is in every offer, where it may cancel against others.
    sizes_w = float(np.abs(least_w).sum()) + uplink_w + load_w + idle_w * (1.0 + least_w.size)
    rounding_w = _ROUNDING * sizes_w
    return idle_w + float(least_w.sum()) - uplink_w - load_w - rounding_w
