"""From prices to a plan of the fleet: one offer per edge, made to fit what is shared, then improved.

At the best prices most edges have one best offer, and only a few sit between two. Taking the best ones asks for
a little too much or too little, so offers are swapped: the cheapest swaps per watt of excess until all fits, then
any swap, or pair of swaps, that saves power. Shares are filled anew after each (`shares.fill`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.menu import Budget, Menu, Valued
from joulecut_planner.fleet.shares import fill
from joulecut_planner.fleet.worth import Prices

_ROUNDS = 400
"""Improving swaps at most; each saves something, so they end by themselves."""

_PATIENCE = 4
"""Rounds of repair that may pass without getting nearer to what fits."""

_PAIRED = 160
"""Swaps that are tried in pairs: those that the prices find cheapest."""

_WORTHWHILE = 1e-10
"""Relative: a swap that saves less is rounding."""


@dataclass(frozen=True, slots=True)
class Pick:
    """An offer per edge (indices into the menu) that fits, its shares of the uplink, and the fleet's power."""

    offer: Indices
    share_bps: Array
    power_w: float
    price_w_bps: float


def settled(menu: Menu, budget: Budget, offer: Indices) -> Pick:
    """The offers with the shares that cost least; the offers fit."""
    filled = fill(menu.radio_w_bps[offer], menu.least_bps[offer], menu.most_bps[offer], budget.uplink_bps)
    radio_w = menu.radio_w_bps[offer]
    used = radio_w > 0.0
    power_w = menu.idle_w + float(menu.power_w[offer].sum()) + float((radio_w[used] / filled.share_bps[used]).sum())
    return Pick(offer, filled.share_bps, power_w, filled.price_w_bps)


def fits(menu: Menu, budget: Budget, offer: Indices) -> bool:
    """Whether one offer per edge keeps within what is shared, at the least shares."""
    return bool(_needs(menu, budget, offer).max() <= 1.0)


def rounded(menu: Menu, budget: Budget, valued: Valued, start: Indices) -> Pick | None:
    """A good plan near the offers in `start`; None where repairing them fails, which proves nothing."""
    offer = _repaired(menu, budget, valued, start)
    return None if offer is None else improved(menu, budget, valued, offer)


def improved(menu: Menu, budget: Budget, valued: Valued, offer: Indices) -> Pick:
    """The plan after every swap, and pair of swaps, that saves power; `offer` fits."""
    pick = settled(menu, budget, offer)
    shortlist = _shortlist(menu, valued)
    for _ in range(_ROUNDS):
        moves = _Moves.of(menu, budget, pick)
        better = moves.singles(menu, budget, pick)
        if better is None:
            better = moves.pairs(menu, budget, pick, shortlist)
        if better is None:
            break
        pick = better
    return pick


def _needs(menu: Menu, budget: Budget, offer: Indices) -> Array:
    """What the offers need at least, as shares of uplink and server time."""
    load = float(menu.load[offer].sum())
    return np.array(
        (
            float(menu.least_bps[offer].sum()) / budget.uplink_bps,
            load / budget.load if budget.load > 0.0 else load,
        )
    )


def _regret_w(menu: Menu, valued: Valued) -> Array:
    """What each offer costs more than its edge's best one, at the prices."""
    return valued.worth_w - valued.least_w[menu.owner]


def _shortlist(menu: Menu, valued: Valued) -> Indices:
    regret_w = _regret_w(menu, valued)
    if regret_w.size <= _PAIRED:
        return np.arange(regret_w.size)
    return np.argpartition(regret_w, _PAIRED)[:_PAIRED]


def _repaired(menu: Menu, budget: Budget, valued: Valued, start: Indices) -> Indices | None:
    """`start` with the swaps that relieve what is overdrawn at the least regret per relief."""
    offer: Indices = start.copy()
    regret_w = _regret_w(menu, valued)
    # A little above nothing, so that among swaps without regret the greatest relief comes first.
    floor_w = 1e-9 * (1.0 + float(np.median(regret_w)))
    per_load = 1.0 / budget.load if budget.load > 0.0 else 1.0
    least_over, patience = np.inf, _PATIENCE
    while patience:
        over = np.maximum(_needs(menu, budget, offer) - 1.0, 0.0)
        if not over.any():
            return offer
        patience = _PATIENCE if over.sum() < least_over else patience - 1
        least_over = min(least_over, float(over.sum()))
        held = offer[menu.owner]
        fewer_bps = (menu.least_bps[held] - menu.least_bps) / budget.uplink_bps
        fewer_load = (menu.load[held] - menu.load) * per_load
        relief = np.zeros(held.size)
        for fewer, excess in ((fewer_bps, over[0]), (fewer_load, over[1])):
            if excess > 0.0:
                relief += np.minimum(fewer, excess) / over.sum()
            else:
                # What is not overdrawn may get worse, but not for nothing.
                relief += np.minimum(fewer, 0.0) * 0.5
        helps = relief > 0.0
        if not helps.any():
            return None
        score = np.where(helps, (regret_w - regret_w[held] + floor_w) / np.where(helps, relief, 1.0), np.inf)
        offer = _applied(menu, offer, score, over, (fewer_bps, fewer_load))
    return None


def _applied(menu: Menu, offer: Indices, score: Array, over: Array, fewer: tuple[Array, Array]) -> Indices:
    """`offer` with the best swaps, one per edge at most, as many as it takes to end one excess."""
    least = np.minimum.reduceat(score, menu.start[:-1])
    swaps = np.flatnonzero((score <= least[menu.owner]) & np.isfinite(score))
    _, first = np.unique(menu.owner[swaps], return_index=True)
    swaps = swaps[first]
    swaps = swaps[np.argsort(score[swaps], kind="stable")]
    enough = swaps.size
    for excess, relief in zip(over.tolist(), fewer, strict=True):
        if excess > 0.0:
            done = np.flatnonzero(np.cumsum(relief[swaps]) >= excess)
            if done.size:
                enough = min(enough, int(done[0]) + 1)
    changed: Indices = offer.copy()
    changed[menu.owner[swaps[:enough]]] = swaps[:enough]
    return changed


@dataclass(frozen=True, slots=True)
class _Moves:
    """For every offer, what taking it in place of the one held changes: watts at the margin, and both needs."""

    saved_w: Array
    more_bps: Array
    more_load: Array
    spare_bps: float
    spare_load: float

    @classmethod
    def of(cls, menu: Menu, budget: Budget, pick: Pick) -> _Moves:
        price = Prices(pick.price_w_bps, 0.0)
        worth_w = menu.valued(price, budget).worth_w
        held = pick.offer[menu.owner]
        return cls(
            saved_w=worth_w[held] - worth_w,
            more_bps=menu.least_bps - menu.least_bps[held],
            more_load=menu.load - menu.load[held],
            spare_bps=budget.uplink_bps - float(menu.least_bps[pick.offer].sum()),
            spare_load=budget.load - float(menu.load[pick.offer].sum()),
        )

    def singles(self, menu: Menu, budget: Budget, pick: Pick) -> Pick | None:
        """The plan after as many saving swaps as fit together; None where none saves."""
        worthwhile = _WORTHWHILE * abs(pick.power_w)
        good = (self.saved_w > worthwhile) & (self.more_bps <= self.spare_bps) & (self.more_load <= self.spare_load)
        if not good.any():
            return None
        score = np.where(good, self.saved_w, -np.inf)
        best_w = np.maximum.reduceat(score, menu.start[:-1])
        swaps = np.flatnonzero(good & (score >= best_w[menu.owner]))
        _, first = np.unique(menu.owner[swaps], return_index=True)
        swaps = swaps[first]
        swaps = swaps[np.argsort(-score[swaps], kind="stable")]
        together = np.maximum.accumulate(
            np.maximum(
                np.cumsum(self.more_bps[swaps]) > self.spare_bps, np.cumsum(self.more_load[swaps]) > self.spare_load
            )
        )
        many = swaps[~together]
        for taken in (many, swaps[:1]):
            offer = pick.offer.copy()
            offer[menu.owner[taken]] = taken
            better = settled(menu, budget, offer) if fits(menu, budget, offer) else pick
            if better.power_w < pick.power_w - worthwhile:
                return better
        return None

    def pairs(self, menu: Menu, budget: Budget, pick: Pick, shortlist: Indices) -> Pick | None:
        """The plan after the best pair of swaps of two edges that fits; None where none saves."""
        worthwhile = _WORTHWHILE * abs(pick.power_w)
        saved_w = self.saved_w[shortlist]
        both_w = saved_w[:, None] + saved_w[None, :]
        good = both_w > worthwhile
        good &= menu.owner[shortlist][:, None] < menu.owner[shortlist][None, :]
        good &= _sums(self.more_bps[shortlist]) <= self.spare_bps
        good &= _sums(self.more_load[shortlist]) <= self.spare_load
        if not good.any():
            return None
        best = int(np.where(good, both_w, -np.inf).argmax())
        offer = pick.offer.copy()
        for swap in (shortlist[best // shortlist.size], shortlist[best % shortlist.size]):
            offer[menu.owner[swap]] = swap
        better = settled(menu, budget, offer) if fits(menu, budget, offer) else pick
        return better if better.power_w < pick.power_w - worthwhile else None


def _sums(values: Array) -> NDArray[np.float64]:
    return values[:, None] + values[None, :]
