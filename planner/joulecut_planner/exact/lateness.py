"""What a second of lateness must cost, so that a group's bound is as high as it gets.

The Lagrangian dual of a two-choice frontier: each step takes the slope between the best pair of
clocks known that is too slow and the best that is fast enough, until no pair lies below that line.
A frontier of tens of clocks needs some four steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array
from joulecut_planner.exact.bounds import Relaxation

_STEPS = 8
"""At most; the bound holds at any price, so stopping early only leaves it lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The price (J/s) of the highest bound found, and the pairs of points met on the way.

    `hopeless`: no pair of the group keeps the deadline, not even relaxed.
    """

    price_w: float = 0.0
    edge_points: tuple[int, ...] = ()
    server_points: tuple[int, ...] = ()
    hopeless: bool = False


@dataclass(slots=True)
class _Side:
    """One side of one group: relaxed joules and seconds at each of its points."""

    energy_j: Array
    time_s: Array

    def cheapest(self, price_w: float) -> int:
        return int((self.energy_j + price_w * self.time_s).argmin() if price_w > 0.0 else self.energy_j.argmin())

    def fastest(self) -> int:
        return int(np.where(np.isinf(self.energy_j), np.inf, self.time_s).argmin())


def climb(relaxation: Relaxation, group: int) -> Climb:
    """Raise the price of lateness for one group to where its bound is highest."""
    frame = relaxation.frame[group]
    edge = _Side(relaxation.edge_j[frame], relaxation.edge_s[frame])
    server = _Side(relaxation.server_j[frame], relaxation.server_s[frame])
    constant_j, constant_s = float(relaxation.constant_j[group]), float(relaxation.constant_s[group])
    edge_points: list[int] = []
    server_points: list[int] = []

    def met(i: int, j: int) -> tuple[float, float]:
        edge_points.append(i)
        server_points.append(j)
        energy_j = float(edge.energy_j[i]) + float(server.energy_j[j]) + constant_j
        return energy_j, float(edge.time_s[i]) + float(server.time_s[j]) + constant_s

    slow_j, slow_s = met(edge.cheapest(0.0), server.cheapest(0.0))
    if not slow_s > 0.0:
        return Climb(edge_points=tuple(edge_points), server_points=tuple(server_points))
    fast_j, fast_s = met(edge.fastest(), server.fastest())
    if fast_s > 0.0:
        return Climb(hopeless=True)
    highest_j, highest_w = slow_j, 0.0
    for _ in range(_STEPS):
        if not (slow_j < fast_j and fast_s < slow_s):
            break
        price_w = (fast_j - slow_j) / (slow_s - fast_s)
        energy_j, excess_s = met(edge.cheapest(price_w), server.cheapest(price_w))
        bound_j = energy_j + price_w * excess_s
        if bound_j > highest_j:
            highest_j, highest_w = bound_j, price_w
        if not bound_j < slow_j + price_w * slow_s - TOLERANCE * abs(slow_j):
            break
        if excess_s > 0.0:
            slow_j, slow_s = energy_j, excess_s
        else:
            fast_j, fast_s = energy_j, excess_s
    return Climb(price_w=highest_w, edge_points=tuple(edge_points), server_points=tuple(server_points))
