"""What each edge of a pool can do on each class of servers, remembered by the objects that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Shared
from joulecut_core.identity import Same
from joulecut_core.pools import Pool, PoolEdge, Route
from joulecut_core.problems import Problem
from joulecut_planner.fleet.offers import LOCAL, Offers, offers_of
from joulecut_planner.fleet.rejections import rejection
from joulecut_planner.pool.server_classes import OfferKey, ServerClass, routed

_NO_SERVER = Shared(server_utilisation=0.0)
"""The bounds under which only what stays on the edge is of interest."""


def never() -> bool:
    """Whether the time is over, where there is no limit."""
    return False


@dataclass(frozen=True, slots=True)
class Known:
    """Offers, and what they were made of: the problem over its route, and the bounds of server and uplink."""

    kind: str
    problem: Problem
    shared: Shared
    offers: Offers


@dataclass(frozen=True, slots=True)
class Menu:
    """One edge's offers: those with the best choice that stays on the edge, and those of each class that it may use."""

    home: Known | None
    remote: Sequence[tuple[int, Known]]
    reason: str | None
    """Why there is nothing at all."""

    def known(self, group: int) -> Known:
        """The offers on a class; on none for a group of -1."""
        found = self.home if group < 0 else next(known for number, known in self.remote if number == group)
        if found is None:
            raise LookupError(f"group {group}: no offers; expected one of those that the edge has")
        return found


class OfferBook:
    """Offers by problem (the same object), bounds and route; forgets what the last pool did not ask for."""

    def __init__(self) -> None:
        self._known: dict[OfferKey, Known] = {}
        self._asked: dict[OfferKey, Known] = {}
        self._reasons: dict[OfferKey, str] = {}
        self._is_over = never

    def menus(self, pool: Pool, classes: Sequence[ServerClass], is_over: Callable[[], bool]) -> list[Menu]:
        """The menu of every edge of a pool; raises PlanError where the time is over before all are known."""
        self._asked, self._is_over = {}, is_over
        capacity_bps = {uplink.name: uplink.uplink_bps for uplink in pool.uplinks}
        menus = [
            self._menu(number, edge, classes, None if edge.uplink is None else capacity_bps[edge.uplink])
            for number, edge in enumerate(pool.edges)
        ]
        self._known = self._asked
        self._reasons = {key: reason for key, reason in self._reasons.items() if key in self._known}
        return menus

    def _menu(self, number: int, edge: PoolEdge, classes: Sequence[ServerClass], uplink_bps: float | None) -> Menu:
        remote: list[tuple[int, Known]] = []
        reached: set[str] = set()
        for group, one in enumerate(classes):
            way = one.problem_of(number, edge)
            if way is not None:
                reached.add(one.kind)
                remote.append(
                    (group, self._offers(one.kind, way[0], replace(one.bounds, uplink_bps=uplink_bps), way[1]))
                )
        homes = [known for _, known in remote]
        homes += [
            self._offers(one.kind, one.problem, _NO_SERVER, None) for one in edge.problems if one.kind not in reached
        ]
        home = min((known for known in homes if known.offers.local is not None), key=_home_w, default=None)
        remote = [(group, known) for group, known in remote if (known.offers.code != LOCAL).any()]
        if home is not None or remote:
            return Menu(home, remote, None)
        return Menu(None, (), self._reason(homes))

    def _offers(self, kind: str, problem: Problem, shared: Shared, route: Route | None) -> Known:
        self._check_time()
        key = (Same(problem), shared, route)
        known = self._asked.get(key) or self._known.get(key)
        if known is None:
            own = routed(problem, route)
            known = Known(kind, own, shared, offers_of(own, shared))
        self._asked[key] = known
        return known

    def _check_time(self) -> None:
        """Each server that differs asks for offers of its own, so that few edges may ask for many."""
        if self._is_over():
            raise PlanError(
                f"pool: time_limit_s was over with {len(self._asked)} lists of offers made and more to make: neither "
                "a plan found nor a proof that there is none; allow more time, or ask for fewer edges or for servers "
                "that differ less: those alike in all but their names share lists"
            )

    def _reason(self, tried: Sequence[Known]) -> str:
        """What stands in the way on each kind of server."""
        reasons: dict[str, str] = {}
        for known in tried:
            key: OfferKey = (Same(known.problem), known.shared, None)
            if key not in self._reasons:
                self._check_time()
                self._reasons[key] = rejection(known.problem, known.shared)
            reasons.setdefault(self._reasons[key], known.kind)
        if len(reasons) == 1:
            return next(iter(reasons))
        return "; ".join(f"on {kind}: {reason}" for reason, kind in reasons.items())


def _home_w(known: Known) -> float:
    return float(known.offers.power_w[known.offers.code == LOCAL][0])
