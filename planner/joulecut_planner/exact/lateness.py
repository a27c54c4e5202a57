"""What a second of lateness must cost, so that a group's bound is as high as it gets.

The Lagrangian dual of a two-choice frontier: each step takes the slope between the best pair of
clocks known that is too slow and the best that is fast enough, until no pair lies below that line.
A frontier of tens of clocks needs some four steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array
from joulecut_planner.exact.bounds import Relaxation

_STEPS = 8
"""At most; the bound holds at any price, so stopping early only leaves it lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The price (J/s) of the highest bound found, and the cheapest pair of points met that may be fast enough.

    `energy_j`: no more than what the pair costs. `hopeless`: no pair of the group keeps the deadline, not even relaxed.
    """

    price_w: float = 0.0
    edge_point: int = 0
    server_point: int = 0
    energy_j: float = 0.0
    hopeless: bool = False


class _Met(NamedTuple):
    """A pair of points: relaxed joules, and relaxed seconds beyond the deadline."""

    edge_point: int
    server_point: int
    energy_j: float
    late_s: float

    def climb(self, price_w: float) -> Climb:
        return Climb(
            price_w=price_w, edge_point=self.edge_point, server_point=self.server_point, energy_j=self.energy_j
        )


def climb(relaxation: Relaxation, group: int, *, start_w: float = 0.0) -> Climb:
    """Raise the price of lateness for one group to where its bound is highest.

    `start_w`, in J/s, is tried first: the price of a group much like this one saves steps.
    """
    rise = _Rise.of(relaxation, group)
    start = slow = rise.cheapest(start_w)
    if start.late_s > 0.0:
        fast = rise.fastest()
        if fast.late_s > 0.0:
            return Climb(hopeless=True)
    else:
        fast = start
        if start_w > 0.0:
            slow = rise.cheapest(0.0)
        if not slow.late_s > 0.0:
            return slow.climb(0.0)
    highest_j, highest_w = start.energy_j + start_w * start.late_s, start_w
    for _ in range(_STEPS):
        if not (slow.energy_j < fast.energy_j and fast.late_s < slow.late_s):
            break
        price_w = (fast.energy_j - slow.energy_j) / (slow.late_s - fast.late_s)
        found = rise.cheapest(price_w)
        bound_j = found.energy_j + price_w * found.late_s
        if bound_j > highest_j:
            highest_j, highest_w = bound_j, price_w
        if not bound_j < slow.energy_j + price_w * slow.late_s - TOLERANCE * abs(slow.energy_j):
            break
        if found.late_s > 0.0:
            slow = found
        else:
            fast = found
    return fast.climb(highest_w)


@dataclass(frozen=True, slots=True)
class _Rise:
    """One group: relaxed joules and seconds at the points of both sides, the edge's first."""

    energy_j: Array
    time_s: Array
    edge_points: int
    constant_j: float
    constant_s: float

    @classmethod
    def of(cls, relaxation: Relaxation, group: int) -> _Rise:
        frame = relaxation.frame[group]
        edge_j, server_j = relaxation.edge_j[frame], relaxation.server_j[frame]
        return cls(
            np.concatenate((edge_j, server_j)),
            np.concatenate((relaxation.edge_s[frame], relaxation.server_s[frame])),
            len(edge_j),
            relaxation.constant_j.item(group),
            relaxation.constant_s.item(group),
        )

    def cheapest(self, price_w: float) -> _Met:
        """The best pair at a price of lateness in J/s."""
        return self._met(self.energy_j + price_w * self.time_s if price_w > 0.0 else self.energy_j)

    def fastest(self) -> _Met:
        """The fastest pair that can serve."""
        fastest = self._met(self.time_s)
        return (
            fastest if fastest.energy_j < np.inf else self._met(np.where(np.isinf(self.energy_j), np.inf, self.time_s))
        )

    def _met(self, cost: Array) -> _Met:
        energy_j, time_s, split = self.energy_j, self.time_s, self.edge_points
        i, j = int(cost[:split].argmin()), int(cost[split:].argmin())
        return _Met(
            i,
            j,
            energy_j.item(i) + energy_j.item(split + j) + self.constant_j,
            time_s.item(i) + time_s.item(split + j) + self.constant_s,
        )
