"""What is known of every server point: its prices, and what each edge costs at them at least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.menu import Budget, Menu, Valued, bound_w
from joulecut_planner.fleet.offers import Offers
from joulecut_planner.fleet.prices import best_prices
from joulecut_planner.fleet.search import Root
from joulecut_planner.fleet.worth import FREE, Prices

_PRECISION = 1e-6
"""Relative precision of the prices; those of the points that matter are refined when they are looked at."""


@dataclass(slots=True)
class Standings:
    """Prices of every server point (None where an edge has no offer), and `least_w` of shape (edges, points).

    Any prices give a proved bound, so a changed edge only changes its own row.
    """

    prices: list[Prices | None]
    least_w: Array

    @classmethod
    def of(cls, offers: Sequence[Offers], idle_w: Array, budget: Budget) -> Standings:
        """Every server point priced anew."""
        unknown = cls([None] * idle_w.size, np.full((len(offers), idle_w.size), np.inf))
        unknown._price(offers, idle_w, budget)
        return unknown

    def moved(self, rows: Indices, offers: Sequence[Offers], idle_w: Array, budget: Budget) -> Standings:
        """The standings of a changed fleet: edge n is the former edge rows[n], or a new one where that is -1."""
        least_w = self.least_w[rows]
        for edge in np.flatnonzero(rows < 0).tolist():
            for point, prices in enumerate(self.prices):
                least_w[edge, point] = (
                    np.inf if prices is None else offers[edge].worth_w(point, prices).min(initial=np.inf)
                )
        changed = Standings(list(self.prices), least_w)
        # Who had nothing at a point may have left.
        changed._price(offers, idle_w, budget)
        return changed

    def _price(self, offers: Sequence[Offers], idle_w: Array, budget: Budget) -> None:
        """Price the points that have no prices yet and at which every edge has an offer."""
        last = FREE
        for point, known in enumerate(self.prices):
            if known is not None or any(one.start[point] == one.start[point + 1] for one in offers):
                continue
            menu = Menu.of(offers, point, float(idle_w[point]))
            worst_w = menu.worst_w()
            priced = best_prices(menu, budget, last, ceiling_w=worst_w + abs(worst_w), tolerance=_PRECISION)
            last = self.prices[point] = priced.best.prices
            self.least_w[:, point] = priced.best.least_w

    def take(self, valued: dict[int, Valued]) -> None:
        """Note what was found out since about whole menus."""
        for point, one in valued.items():
            self.prices[point] = one.prices
            self.least_w[:, point] = one.least_w

    def roots(self, idle_w: Array, budget: Budget) -> list[Root]:
        """The server points at which every edge has an offer, with their proved bounds."""
        return [
            Root(point, bound_w(self.least_w[:, point], prices, budget, float(idle_w[point])), prices)
            for point, prices in enumerate(self.prices)
            if prices is not None and bool(np.isfinite(self.least_w[:, point]).all())
        ]
