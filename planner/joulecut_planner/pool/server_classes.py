"""Servers that no edge can tell apart, and the offers that each edge has on each of them.

Identical servers have one price and one set of offers: a pool of 200 servers of two kinds is two classes. Offers
are those of version 1 (`joulecut_planner.fleet.offers`), with the bounds of the class in the place of the shared ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from joulecut_core.fleets import Shared
from joulecut_core.identity import Same
from joulecut_core.pools import Pool, PoolEdge, PoolServer, Route
from joulecut_core.problems import Problem, ServerPoint
from joulecut_planner.choices.grids import Array

OfferKey: TypeAlias = "tuple[Same[Problem], Shared, Route | None]"
"""What an edge's offers on a class depend on: its problem, the bounds, and the route where it has one of its own."""


@dataclass(frozen=True, slots=True)
class ServerClass:
    """Identical servers: `servers` are indices into the pool's list.

    `idle_w` is what counts of the draw at each operating point outside work, `empty_w` what counts while no edge is
    placed there; `empty_point` is the point that it then idles at, None where it is parked. `routes` has the
    edges (by index) with a route of their own to them; where `listed` has an edge, it may only use its routes.
    """

    servers: tuple[int, ...]
    kind: str
    bounds: Shared
    points: tuple[ServerPoint, ...]
    idle_w: Array
    empty_w: float
    empty_point: int | None
    may_serve: bool
    routes: Mapping[int, Route]

    def problem_of(self, number: int, edge: PoolEdge) -> tuple[Problem, Route | None] | None:
        """The problem of edge `number` on these servers and its own route; None where it may not use them."""
        if not self.may_serve:
            return None
        route = self.routes.get(number)
        if edge.routes and route is None:
            return None
        for one in edge.problems:
            if one.kind == self.kind:
                return one.problem, route if route is not None and _differs(route) else None
        return None


def classes_of(pool: Pool) -> list[ServerClass]:
    """The pool's servers by what edges can tell apart, in the order of their first ones."""
    points = {one.kind: one.problem.server.points for edge in pool.edges for one in edge.problems}
    routes: dict[str, dict[int, Route]] = {server.name: {} for server in pool.servers}
    for number, edge in enumerate(pool.edges):
        for route in edge.routes:
            routes[route.server][number] = route
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, server in enumerate(pool.servers):
        own = frozenset(
            (number, one.rtt_s, one.uplink_bps, one.downlink_bps) for number, one in routes[server.name].items()
        )
        alike.setdefault((replace(server, name=""), own), []).append(index)
    return [
        _class(tuple(members), pool.servers[members[0]], points, routes[pool.servers[members[0]].name])
        for members in alike.values()
    ]


def singles(classes: Sequence[ServerClass]) -> list[ServerClass]:
    """Every server a class of its own: what tells twins apart where each placement is to be proved."""
    return [replace(one, servers=(server,)) for one in classes for server in one.servers]


def routed(problem: Problem, route: Route | None) -> Problem:
    """The problem over a route: its round trip and bandwidths in the place of the link's where it names them."""
    if route is None:
        return problem
    own = {
        name: value for name in ("rtt_s", "uplink_bps", "downlink_bps") if (value := getattr(route, name)) is not None
    }
    return replace(problem, link=replace(problem.link, **own))


def _differs(route: Route) -> bool:
    return any(value is not None for value in (route.rtt_s, route.uplink_bps, route.downlink_bps))


def _class(
    members: tuple[int, ...],
    server: PoolServer,
    points: Mapping[str, tuple[ServerPoint, ...]],
    routes: Mapping[int, Route],
) -> ServerClass:
    own = points.get(server.kind, ())
    counts = server.server_idle_w_counts
    idle_w = np.array([point.idle_w if counts else 0.0 for point in own], dtype=np.float64)
    parked_w = 0.0 if not counts else server.parked_w
    least_w, least_point = (float(idle_w.min()), int(idle_w.argmin())) if own else (np.inf, None)
    if parked_w is None:
        parked_w = least_w
    stays = not server.may_park or least_w < parked_w
    return ServerClass(
        servers=members,
        kind=server.kind,
        bounds=Shared(
            server_utilisation=server.server_utilisation,
            server_wait_s=server.server_wait_s,
            server_idle_w_counts=counts,
        ),
        points=own,
        idle_w=idle_w,
        empty_w=least_w if stays else parked_w,
        empty_point=least_point if stays else None,
        may_serve=server.may_serve and bool(own),
        routes=routes,
    )
