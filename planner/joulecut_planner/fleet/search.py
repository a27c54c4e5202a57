"""Best-first branch and bound over all operating points of the server at once.

A node is a menu: one server point, and for each edge the offers it may still choose from. Its bound is the
Lagrangian's (`prices`), its plan the rounded one (`rounding`). The node with the lowest bound goes first: it is
dropped where its bound reaches the best plan, and split where it does not, by the offers of one edge that the
prices cannot settle; edges alike keep an order, so that no plan is tried twice (`ranked`). What is open or was
dropped bounds the optimum from below; nothing left without a plan proves that there is none.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from joulecut_core.errors import PlanError
from joulecut_core.timing import Clock
from joulecut_planner.choices.grids import Indices
from joulecut_planner.fleet.menu import Budget, Menu, Valued
from joulecut_planner.fleet.prices import Priced, best_prices
from joulecut_planner.fleet.ranked import Ranked
from joulecut_planner.fleet.rounding import Pick, fits, rounded, settled
from joulecut_planner.fleet.worth import Prices

_PRECISION = 0.01
"""Precision of a node's prices, relative to the gap that is enough."""

_OVERHEAD = 20_000
"""What a node costs besides its offers, in offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When to stop: the gap that is enough, offers valued in all, and the moment of `clock`, None for never.

    Without a plan only the moment counts.
    """

    gap: float
    offers: int
    until_s: float | None
    clock: Clock


@dataclass(frozen=True, slots=True)
class Root:
    """A server point with a proved bound, and the prices that gave it."""

    server_point: int
    bound_w: float
    prices: Prices


@dataclass(frozen=True, slots=True)
class Found:
    """The best plan, the menu it is from, and the proved bound; no plan where it is proved that there is none.

    `valued` has the whole menus that were priced, by server point.
    """

    menu: Menu | None
    pick: Pick | None
    bound_w: float
    valued: dict[int, Valued]
    nodes: int


@dataclass(order=True, slots=True)
class _Node:
    bound_w: float
    number: int
    server_point: int = field(compare=False)
    prices: Prices = field(compare=False)
    menu: Menu | None = field(compare=False)
    start: Indices | None = field(compare=False, default=None)

    def depth_first(self) -> tuple[bool, bool, float]:
        """Sorts last what is likely to lead to a first plan: a former plan, then the newest part, then the cheapest."""
        return self.start is not None, self.menu is not None, self.number if self.menu is not None else -self.bound_w


def search(
    roots: list[Root],
    menu_of: Callable[[int], Menu],
    budget: Budget,
    effort: Effort,
    *,
    start: dict[int, Indices] | None = None,
) -> Found:
    """The plan of least power over all roots, or as near as `effort` allows.

    `start`: for some server points, offers of a plan to improve on. Raises PlanError where time ran out with
    neither a plan nor a proof that there is none.
    """
    state = _Search(menu_of, budget, effort)
    for root in roots:
        state.add(root.bound_w, root.server_point, root.prices, None, (start or {}).get(root.server_point))
    state.run()
    return Found(state.menu, state.pick, state.bound_w(), state.whole, state.nodes)


class _Search:
    def __init__(self, menu_of: Callable[[int], Menu], budget: Budget, effort: Effort) -> None:
        self.menu_of = menu_of
        self.budget = budget
        self.effort = effort
        self.open: list[_Node] = []
        self.dropped_w = np.inf
        self.pick: Pick | None = None
        self.menu: Menu | None = None
        self.numbered = 0
        self.nodes = 0
        self.valued = 0
        self.whole: dict[int, Valued] = {}
        self.ranked: dict[int, Ranked] = {}

    def add(
        self, bound_w: float, server_point: int, prices: Prices, menu: Menu | None, start: Indices | None = None
    ) -> None:
        self.numbered += 1
        node = _Node(bound_w, self.numbered, server_point, prices, menu, start)
        heapq.heappush(self.open, node)

    def ceiling_w(self) -> float:
        """What reaches this is not worth a look."""
        return np.inf if self.pick is None else self.pick.power_w - self.effort.gap * abs(self.pick.power_w)

    def bound_w(self) -> float:
        best_w = np.inf if self.pick is None else self.pick.power_w
        return min(best_w, self.dropped_w, self.open[0].bound_w if self.open else np.inf)

    def run(self) -> None:
        while self.open and self.open[0].bound_w < self.ceiling_w():
            late = self.effort.until_s is not None and self.effort.clock.now_s() >= self.effort.until_s
            if self.pick is not None and (late or self.valued >= self.effort.offers):
                return
            if late:
                raise PlanError(
                    f"fleet: {self.nodes} nodes searched and {len(self.open)} open when time_limit_s was over; "
                    "expected a plan or a proof that there is none: allow more time, or loosen shared.uplink_bps or "
                    "shared.server_utilisation"
                )
            self._process(self._next())

    def _next(self) -> _Node:
        if self.pick is not None:
            return heapq.heappop(self.open)
        # Until there is a plan, go deep: the newest node is the most settled one.
        newest = max(range(len(self.open)), key=lambda index: self.open[index].depth_first())
        node = self.open.pop(newest)
        heapq.heapify(self.open)
        return node

    def _process(self, node: _Node) -> None:
        self.nodes += 1
        menu = node.menu or self.menu_of(node.server_point)
        self.valued += _OVERHEAD
        if menu.owner.size == menu.edges:
            self._leaf(menu)
            return
        worst_w = menu.worst_w()
        ceiling_w = min(self.ceiling_w(), worst_w + 1e-6 * abs(worst_w))
        tolerance = _PRECISION * self.effort.gap
        priced = best_prices(menu, self.budget, node.prices, ceiling_w=ceiling_w, tolerance=tolerance)
        self.valued += priced.steps * menu.owner.size
        if node.menu is None:
            self.whole[node.server_point] = priced.best
        if priced.bound_w > worst_w + 1e-6 * abs(worst_w):
            return
        bound_w = max(node.bound_w, priced.bound_w)
        if bound_w < self.ceiling_w():
            bound_w = max(bound_w, self._round(menu, priced, node.start))
        if bound_w >= self.ceiling_w():
            self.dropped_w = min(self.dropped_w, bound_w)
            return
        self._split(menu, priced, bound_w)

    def _leaf(self, menu: Menu) -> None:
        offer = np.arange(menu.edges)
        if fits(menu, self.budget, offer):
            pick = settled(menu, self.budget, offer)
            self.dropped_w = min(self.dropped_w, pick.power_w)
            self._consider(menu, pick)

    def _consider(self, menu: Menu, pick: Pick) -> None:
        if self.pick is None or pick.power_w < self.pick.power_w:
            self.pick, self.menu = pick, menu

    def _round(self, menu: Menu, priced: Priced, start: Indices | None) -> float:
        """Look for a plan near the prices; the bound at that plan's own price of the uplink."""
        starts = [menu.cheapest(priced.best), *(priced.picks[-2:] if start is None else (start,))]
        own: Valued | None = None
        for offers in {one.tobytes(): one for one in starts}.values():
            pick = rounded(menu, self.budget, priced.best, offers)
            if pick is None:
                continue
            if own is None or self.pick is None or pick.power_w < self.pick.power_w:
                own = menu.valued(Prices(pick.price_w_bps, priced.best.prices.load_w), self.budget)
            self._consider(menu, pick)
        return -np.inf if own is None else own.bound_w

    def _split(self, menu: Menu, priced: Priced, bound_w: float) -> None:
        best = priced.best
        regret_w = best.worth_w - best.least_w[menu.owner]
        kept = best.bound_w + regret_w < self.ceiling_w()
        if not kept.all():
            # What was left out would draw at least this much.
            self.dropped_w = min(self.dropped_w, self.ceiling_w())
        ranked = self.ranked.get(menu.server_point)
        if ranked is None:
            ranked = self.ranked[menu.server_point] = Ranked.of(menu, self.budget)
        rank = ranked.rank_of(menu)
        for side in ranked.halves(menu, rank, kept, *_unsettled(menu, priced, rank, kept)):
            if np.add.reduceat(side.astype(np.int64), menu.start[:-1]).all():
                self.add(bound_w, menu.server_point, best.prices, menu.only(side))


def _unsettled(menu: Menu, priced: Priced, rank: Indices, kept: NDArray[np.bool_]) -> tuple[int, int]:
    """The edge whose offers differ most in rank among the picks around the best prices, and the rank to split it at."""
    picks = np.stack(priced.picks)
    picks = picks[kept[picks].all(axis=1)] if kept[picks].all(axis=1).any() else picks[:1]
    ranks = rank[picks]
    low, high = ranks.min(axis=0), ranks.max(axis=0)
    edge = int((high - low).argmax())
    if high[edge] > low[edge]:
        return edge, int(low[edge] + high[edge]) // 2
    edge = int(np.add.reduceat(kept.astype(np.int64), menu.start[:-1]).argmax())
    own = np.sort(rank[kept & (menu.owner == edge)])
    return edge, int(own[max(own.size // 2, 1) - 1])
