"""The prices of uplink and server time under which the lower bound is highest: the Lagrangian dual.

The bound is concave and its slope is known wherever it was evaluated: what the edges ask for less what there
is. Each evaluation is a plane above it; the next prices are the peak below all planes (Kelley 1960). With two
prices the peak is found by looking at every corner where three planes meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.menu import Budget, Menu, Valued
from joulecut_planner.fleet.worth import Prices

_PLANES = 8
"""Planes kept: those that meet at the peak and a few more. Fewer would cycle, more cost time."""

_STEPS = 60

_WIDER = 16.0
"""How much farther to look when the peak is at the border of where planes are trusted."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The best prices found, what the menu is worth there, and what the edges chose at prices around them."""

    best: Valued
    picks: tuple[Indices, ...]
    steps: int

    @property
    def bound_w(self) -> float:
        """The proved lower bound."""
        return self.best.bound_w


def best_prices(menu: Menu, budget: Budget, start: Prices, *, ceiling_w: float, tolerance: float) -> Priced:
    """Prices whose bound is within `tolerance` (relative) of the highest.

    Stops early once the bound exceeds `ceiling_w`, above which nobody cares.
    """
    search = _Search(menu, budget)
    search.look(Prices(0.0, 0.0))
    if start != Prices(0.0, 0.0):
        search.look(start)
    widest_w = search.width_w()
    for _ in range(_STEPS):
        if search.best.bound_w > ceiling_w or search.is_settled():
            break
        peak_w, first_w, second_w, at_border = search.peak(widest_w)
        if at_border and peak_w > search.best.bound_w:
            widest_w *= _WIDER
        if peak_w - search.best.bound_w <= tolerance * abs(peak_w) + search.rounding_w and not at_border:
            break
        if not search.look(search.prices(first_w, second_w)):
            break
    return Priced(search.best, tuple(search.picks), len(search.seen))


class _Search:
    """Planes above the bound, in watts: prices times what there is, so that both are of one size."""

    def __init__(self, menu: Menu, budget: Budget) -> None:
        self.menu = menu
        self.budget = budget
        self.has_uplink = np.isfinite(budget.uplink_bps)
        self.has_load = budget.load > 0.0
        self.planes: list[tuple[float, float, float]] = []
        self.picks: list[Indices] = []
        self.slopes: list[tuple[float, float]] = []
        self.seen: set[tuple[float, float]] = set()
        self.rounding_w = 0.0

    best: Valued

    def prices(self, first_w: float, second_w: float) -> Prices:
        return Prices(
            max(first_w, 0.0) / self.budget.uplink_bps if self.has_uplink else 0.0,
            max(second_w, 0.0) / self.budget.load if self.has_load else 0.0,
        )

    def look(self, prices: Prices) -> bool:
        """Evaluate at some prices; False where that was done before."""
        key = (prices.uplink_w_bps, prices.load_w)
        if key in self.seen:
            return False
        self.seen.add(key)
        valued = self.menu.valued(prices, self.budget)
        picks = self.menu.cheapest(valued)
        first = float(valued.share_bps[picks].sum()) / self.budget.uplink_bps - 1.0 if self.has_uplink else 0.0
        second = float(self.menu.load[picks].sum()) / self.budget.load - 1.0 if self.has_load else 0.0
        at_w = (
            prices.uplink_w_bps * self.budget.uplink_bps if self.has_uplink else 0.0,
            prices.load_w * self.budget.load,
        )
        self.planes.append((valued.bound_w - first * at_w[0] - second * at_w[1], first, second))
        self.picks.append(picks)
        if len(self.seen) == 1 or valued.bound_w > self.best.bound_w:
            self.best = valued
            self.at_best = (first, second)
            self.best_w = at_w
        self.rounding_w = 1e-12 * (abs(valued.bound_w) + sum(at_w))
        return True

    def is_settled(self) -> bool:
        """Whether no price can raise the bound: nobody asks for more than there is, at no price."""
        return all(
            slope == 0.0 or (slope < 0.0 and at_w == 0.0) for slope, at_w in zip(self.at_best, self.best_w, strict=True)
        )

    def width_w(self) -> float:
        """How far to trust the planes at first."""
        return 4.0 * max(abs(self.best.bound_w), *self.best_w, 1e-9)

    def peak(self, widest_w: float) -> tuple[float, float, float, bool]:
        """The highest point below all planes: its height, both prices in watts, and whether it is at the border."""
        planes = np.array(self.planes)
        height_w, first_w, second_w = _peak(planes, widest_w)
        above_w = planes[:, 0] + planes[:, 1] * first_w + planes[:, 2] * second_w - height_w
        nearest = sorted(np.argsort(above_w, kind="stable")[: _PLANES - 1].tolist())
        self.planes = [self.planes[index] for index in nearest]
        self.picks = [self.picks[index] for index in nearest]
        border = (self.has_uplink and first_w >= 0.999 * widest_w) or (self.has_load and second_w >= 0.999 * widest_w)
        return height_w, first_w, second_w, border


def _peak(planes: Array, widest_w: float) -> tuple[float, float, float]:
    """The highest point of the planes' lower envelope for prices from 0 to `widest_w`."""
    count = len(planes)
    walls = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    left = np.concatenate((np.stack((-planes[:, 1], -planes[:, 2], np.ones(count)), axis=1), walls))
    right = np.concatenate((planes[:, 0], [0.0, 0.0, widest_w, widest_w]))
    triples = _triples(count)
    a, b, c = left[triples[:, 0]], left[triples[:, 1]], left[triples[:, 2]]
    b_c, c_a, a_b = _cross(b, c), _cross(c, a), _cross(a, b)
    volume = (a * b_c).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        corner = (
            right[triples[:, 0], None] * b_c + right[triples[:, 1], None] * c_a + right[triples[:, 2], None] * a_b
        ) / volume[:, None]
        first_w, second_w = corner[:, 0], corner[:, 1]
        slack_w = 1e-9 * widest_w
        inside = (first_w >= -slack_w) & (second_w >= -slack_w)
        inside &= (first_w <= widest_w + slack_w) & (second_w <= widest_w + slack_w)
    first_w = np.clip(np.where(inside, first_w, 0.0), 0.0, widest_w)
    second_w = np.clip(np.where(inside, second_w, 0.0), 0.0, widest_w)
    # The envelope itself at each corner: right also where a corner was found inexactly.
    height_w = (planes[:, 0] + first_w[:, None] * planes[:, 1] + second_w[:, None] * planes[:, 2]).min(axis=1)
    top = int(height_w.argmax())
    return float(height_w[top]), float(first_w[top]), float(second_w[top])


def _cross(a: Array, b: Array) -> Array:
    return np.stack(
        (
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ),
        axis=1,
    )


@lru_cache(maxsize=4 * _PLANES)
def _triples(planes: int) -> Indices:
    """Every three of the planes and the four walls."""
    return np.array(list(combinations(range(planes + 4), 3)), dtype=np.int64)
