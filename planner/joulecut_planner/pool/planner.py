"""The pool planner: placement, cuts, clocks and shares with a proved bound, and changed pools from what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import RejectedEdge
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool, PoolEdge
from joulecut_core.timing import Clock, SystemClock
from joulecut_planner.choices.constraints import limit
from joulecut_planner.fleet.price_list import PriceList
from joulecut_planner.pool.answers import Answer, Served, answered, infeasible, server_plans
from joulecut_planner.pool.columns import EdgeOffers, States, columns_of
from joulecut_planner.pool.edge_offers import Menu, OfferBook, never
from joulecut_planner.pool.memory import Memory
from joulecut_planner.pool.placement import Yard
from joulecut_planner.pool.price_lists import price_list
from joulecut_planner.pool.pricing import Groups
from joulecut_planner.pool.search import Effort, Found, Ground, search, unproved
from joulecut_planner.pool.server_classes import ServerClass, classes_of, singles

_FEW_PLACEMENTS = 48
"""Up to so many edges times servers the optimum is worth proving, every server for itself."""

_PROVED_GAP = 1e-7
_GOOD_GAP = 1e-3
_KEPT_GAP = 2e-3
"""Gaps at which the search ends: for few placements, for many, and for many that change little."""

_EFFORT_COLUMNS = 60_000_000
_PROVING_COLUMNS = 1_000_000_000
"""What a search may cost, in columns valued: with many placements, and where the optimum is to be proved."""


def solve_pool(pool: Pool, *, time_limit_s: float | None = None) -> PoolPlan:
    """The plan of a pool with a proved lower bound on its power; "infeasible" only where that is proved.

    Up to 48 edges times servers the search goes on until the gap is 1e-7, beyond until it is 1e-3, both with a
    bounded effort. `time_limit_s` (wall seconds) ends it earlier with the best plan so far. Raises ProblemError
    where a problem's numbers overflow, and PlanError where the search or the time ends with neither a plan nor a proof
    that there is none.
    """
    return PoolPlanner().plan(pool, time_limit_s=time_limit_s)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The part of a pool that can be served, as the search takes it."""

    classes: Sequence[ServerClass]
    states: States
    edges: Sequence[PoolEdge]
    menus: Sequence[Menu]
    ground: Ground
    groups: Groups


class PoolPlanner:
    """Plans pools one after another, each from what the last one left.

    Edges whose problems are the same objects as before are taken as unchanged: their offers, their placement where
    it still fits and, where choice and share stay, their plans are used again. Not for use by two threads at once.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """`clock`: what time limits and solve times are told by; the machine's where it is left out."""
        self._clock = clock or SystemClock()
        self._book = OfferBook()
        self._memory = Memory()
        self.prices: PriceList | None = None
        """Of the last plan; None where nobody could be served."""

    def plan(self, pool: Pool, *, time_limit_s: float | None = None) -> PoolPlan:
        """As `solve_pool`; from a former plan the search for many placements ends at a gap of 2e-3."""
        started_s, self.prices = self._clock.now_s(), None
        exact = len(pool.edges) * len(pool.servers) <= _FEW_PLACEMENTS
        classes = singles(classes_of(pool)) if exact else classes_of(pool)
        is_over = never if time_limit_s is None else self._passing(started_s + time_limit_s)
        menus = self._book.menus(pool, classes, is_over)
        rejected = tuple(
            RejectedEdge(name=edge.name, reason=menu.reason)
            for edge, menu in zip(pool.edges, menus, strict=True)
            if menu.reason is not None
        )
        if len(rejected) == len(pool.edges):
            self._memory = Memory()
            return answered(
                servers=server_plans(pool, classes, {}), edges=(), powers_w=(), bound_w=None, rejected=rejected
            )
        asked = _asked(pool, classes, menus)
        found = self._found(pool, asked, exact, is_over)
        if found.placed is None:
            if not found.proved:
                raise unproved(found.nodes)
            return infeasible(rejected)
        answer = Answer(
            pool=pool,
            classes=classes,
            states=asked.states,
            edges=asked.edges,
            menus=asked.menus,
            columns=found.columns,
            placed=found.placed,
            former=self._memory.former,
        )
        served = answer.served(self._clock.now_s() - started_s)
        self._remember(pool, asked, served, found)
        return answer.pool_plan(served, found.bound_w, rejected)

    def _passing(self, until_s: float) -> Callable[[], bool]:
        return lambda: self._clock.now_s() >= until_s

    def _found(self, pool: Pool, asked: _Asked, exact: bool, is_over: Callable[[], bool]) -> Found:
        number = {uplink.name: place for place, uplink in enumerate(pool.uplinks)}
        columns = columns_of(
            [
                EdgeOffers(
                    number[edge.uplink] if edge.uplink is not None else len(number),
                    None if menu.home is None else menu.home.offers,
                    [(group, known.offers) for group, known in menu.remote],
                )
                for edge, menu in zip(asked.edges, asked.menus, strict=True)
            ],
            asked.states,
        )
        prices = self._memory.prices(pool, asked.classes, asked.groups, asked.states)
        former = None
        if not exact and prices is not None:
            former = self._memory.placing(pool, asked.edges, asked.menus, columns, asked.ground, asked.groups, prices)
        gap = _PROVED_GAP if exact else _GOOD_GAP if former is None else _KEPT_GAP
        most = _PROVING_COLUMNS if exact else _EFFORT_COLUMNS
        effort = Effort(gap=gap, columns=most, is_over=is_over)
        return search(asked.ground, asked.groups, columns, effort, start=prices, former=former)

    def _remember(self, pool: Pool, asked: _Asked, served: Sequence[Served], found: Found) -> None:
        self._memory = Memory.of(pool, asked.classes, served, found.prices)
        if found.prices is not None:
            self.prices = price_list(pool, asked.classes, asked.groups, asked.states, served, found.prices)


def _asked(pool: Pool, classes: Sequence[ServerClass], menus: Sequence[Menu]) -> _Asked:
    states = States.of(classes)
    group, empty_w = np.empty(len(pool.servers), dtype=np.int64), np.empty(len(pool.servers))
    for number, one in enumerate(classes):
        group[list(one.servers)], empty_w[list(one.servers)] = number, one.empty_w
    served = [(edge, menu) for edge, menu in zip(pool.edges, menus, strict=True) if menu.reason is None]
    return _Asked(
        classes=classes,
        states=states,
        edges=[edge for edge, _ in served],
        menus=[menu for _, menu in served],
        ground=Ground(
            states=states,
            yard=Yard(group, empty_w, np.array([limit(uplink.uplink_bps) for uplink in pool.uplinks])),
            members=tuple(one.servers for one in classes),
        ),
        groups=Groups(
            group=np.arange(len(classes)),
            open=states.group[None, :] == np.arange(len(classes))[:, None],
            empty_w=np.array([one.empty_w for one in classes]),
            count=np.array([len(one.servers) for one in classes], dtype=np.int64),
        ),
    )
