"""Choices near the lower convex hull of a front, found by pricing time: the fronts' search starts from them.

What minimises J + price * T for some price is on the hull. Taken apart as in `joulecut_planner.exact.bounds`, both
sides of a group are minimised by themselves: a good guess where the two are coupled, exact where they are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.exact.bounds import Relaxation
from joulecut_planner.fronts.cells import Members
from joulecut_planner.fronts.staircase import Steps

_FINENESS = 4.0
"""From one price to the next."""

_EACH_WAY = 3
"""Prices above and below that of the front as a whole."""


@dataclass(frozen=True, slots=True)
class Hull:
    """The hull of each of some groups."""

    relaxation: Relaxation

    def ends(self) -> Iterator[Members]:
        """The cheapest choice of each group, then its fastest."""
        terms = self.relaxation
        yield self._members(terms.edge_j, terms.server_j)
        yield self._members(terms.edge_s, terms.server_s)

    def between(self, front: Steps) -> Iterator[Members]:
        """Choices at prices around the slope from the first step of a front to its last; none where it has one step."""
        if len(front) < 2:
            return
        terms = self.relaxation
        slope_w = (front.energy_j[0] - front.energy_j[-1]) / (front.bound_s[-1] - front.bound_s[0])
        for price_w in slope_w * _FINENESS ** np.arange(-_EACH_WAY, _EACH_WAY + 1):
            yield self._members(terms.edge_j + price_w * terms.edge_s, terms.server_j + price_w * terms.server_s)

    def _members(self, edge_cost: Array, server_cost: Array) -> Members:
        frame: Indices = self.relaxation.frame
        return Members(np.arange(len(frame)), edge_cost.argmin(axis=1)[frame], server_cost.argmin(axis=1)[frame])
