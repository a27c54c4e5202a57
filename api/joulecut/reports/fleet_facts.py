"""What a fleet's plan says of each server, uplink and edge, whichever version of the contract it is of.

A saved answer knows neither rates nor deadlines nor what an uplink carries; what it lacks is None here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from joulecut_core.fleets import Fleet, FleetPlan, RejectedEdge
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.pool_plans import PoolEdgePlan, PoolPlan, PoolServerPlan, ServerState
from joulecut_core.pools import Pool, PoolEdge, pool_of
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.fleet.price_list import PriceList

_SERVER = "server"
"""What `pool_of` calls the server of version 1, and its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeFacts:
    """One planned edge. `server` is None where it stays on its own; `uplink` where it shares none."""

    name: str
    server: str | None
    uplink: str | None
    uplink_bps: float
    plan: Plan
    rate_hz: float | None
    deadline_s: float | None

    @property
    def server_time(self) -> float | None:
        """The share of its server's time that it takes; None where its rate is unknown."""
        used = self.plan.breakdown
        return None if self.rate_hz is None or used is None else self.rate_hz * (used.t_server + used.decode_s)

    @property
    def parts_j(self) -> tuple[float, float, float]:
        """Joules of one request on the edge, on the radio and on the server, unweighted."""
        used = self.plan.breakdown
        if used is None:
            return (0.0, 0.0, 0.0)
        edge_j = used.edge_busy_j + used.edge_wait_j + used.encode_j
        return (edge_j, used.radio_j, used.server_busy_j + used.decode_j + used.server_idle_j)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """One server: what it does, who is placed there, and its prices and bounds where they are known."""

    plan: PoolServerPlan
    kind: str | None
    most_utilisation: float | None
    time_price_w: float | None
    edges: tuple[EdgeFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkFacts:
    """One shared uplink: what it carries, who sends through it, and what a further bit per second would save."""

    name: str
    carries_bps: float
    price_w_bps: float | None
    edges: tuple[EdgeFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """A fleet's plan. `servers` and `uplinks` are empty where the answer does not tell of them."""

    is_feasible: bool
    servers: tuple[ServerFacts, ...]
    edges: tuple[EdgeFacts, ...]
    uplinks: tuple[UplinkFacts, ...]
    power_w: float | None
    lower_bound_w: float | None
    gap: float | None
    rejected: tuple[RejectedEdge, ...]

    @property
    def counted_idle_w(self) -> float:
        """Of the fleet's watts those of idle and parked servers."""
        return math.fsum(server.plan.counted_idle_w for server in self.servers)

    def servers_that(self, state: ServerState) -> int:
        """How many servers do that."""
        return sum(server.plan.state is state for server in self.servers)


def facts_of_pool(pool: Pool | None, plan: PoolPlan, prices: PriceList | None = None) -> FleetFacts:
    """What is known of a pool's plan; `pool` is None where only the answer was kept."""
    asked = {} if pool is None else {edge.name: edge for edge in pool.edges}
    edges = tuple(_edge(one, asked.get(one.name)) for one in plan.edges)
    placed = _grouped(edges, lambda edge: edge.server)
    sending = _grouped((edge for edge in edges if edge.uplink_bps), lambda edge: edge.uplink)
    bounds = {} if pool is None else {server.name: server for server in pool.servers}
    return FleetFacts(
        is_feasible=plan.status == OPTIMAL,
        servers=tuple(
            ServerFacts(
                plan=one,
                kind=bounds[one.name].kind if one.name in bounds else None,
                most_utilisation=bounds[one.name].server_utilisation if one.name in bounds else None,
                time_price_w=None if prices is None else prices.server_time_w.get(one.name),
                edges=placed.get(one.name, ()),
            )
            for one in plan.servers
        ),
        edges=edges,
        uplinks=tuple(
            UplinkFacts(
                name=uplink.name,
                carries_bps=uplink.uplink_bps,
                price_w_bps=None if prices is None else prices.uplink_w_bps.get(uplink.name),
                edges=sending.get(uplink.name, ()),
            )
            for uplink in (() if pool is None or plan.status != OPTIMAL else pool.uplinks)
        ),
        power_w=plan.power_w,
        lower_bound_w=plan.lower_bound_w,
        gap=plan.gap,
        rejected=plan.rejected,
    )


def facts_of_fleet(fleet: Fleet | None, plan: FleetPlan, prices: PriceList | None = None) -> FleetFacts:
    """What is known of a fleet's plan of version 1; `fleet` is None where only the answer was kept."""
    edges = tuple(
        PoolEdgePlan(
            name=one.name,
            server=_SERVER if one.plan.server_point is not None else None,
            kind=_SERVER,
            plan=one.plan,
            uplink_bps=one.uplink_bps,
        )
        for one in plan.edges
    )
    servers = () if fleet is None or plan.status != OPTIMAL else (_server(fleet, plan, edges),)
    as_pool = PoolPlan(
        status=plan.status,
        servers=servers,
        edges=edges,
        power_w=plan.power_w,
        lower_bound_w=plan.lower_bound_w,
        gap=plan.gap,
        rejected=plan.rejected,
    )
    return facts_of_pool(None if fleet is None else pool_of(fleet), as_pool, prices)


def working_w(edges: Iterable[EdgeFacts]) -> float:
    """What the requests of edges of known rates draw on their servers, in watts; without what idles."""
    return math.fsum(
        edge.rate_hz * (used.server_busy_j + used.decode_j)
        for edge in edges
        if (used := edge.plan.breakdown) is not None and edge.rate_hz is not None
    )


def _server(fleet: Fleet, plan: FleetPlan, edges: tuple[PoolEdgePlan, ...]) -> PoolServerPlan:
    """The one server of version 1 as version 2 tells of it."""
    points = fleet.edges[0].problem.server.points
    if plan.server_point is None:
        return PoolServerPlan(
            name=_SERVER,
            state=ServerState.PARKED,
            server_point=None,
            server_clock=None,
            edges=0,
            server_utilisation=0.0,
            power_w=min(point.idle_w for point in points),
            counted_idle_w=0.0,
        )
    asked = {edge.name: edge for edge in pool_of(fleet).edges}
    placed = [_edge(one, asked[one.name]) for one in edges if one.server is not None]
    load = math.fsum(edge.server_time or 0.0 for edge in placed)
    idle_w = points[plan.server_point].idle_w * (1.0 - load)
    return PoolServerPlan(
        name=_SERVER,
        state=ServerState.SERVING if placed else ServerState.IDLE,
        server_point=plan.server_point,
        server_clock=clock_of(points[plan.server_point]),
        edges=len(placed),
        server_utilisation=load,
        power_w=math.fsum([idle_w, working_w(placed)]),
        counted_idle_w=idle_w if fleet.shared.server_idle_w_counts else 0.0,
    )


def _edge(planned: PoolEdgePlan, asked: PoolEdge | None) -> EdgeFacts:
    slo = None if asked is None else asked.problems[0].problem.slo
    return EdgeFacts(
        name=planned.name,
        server=planned.server,
        uplink=None if asked is None else asked.uplink,
        uplink_bps=planned.uplink_bps,
        plan=planned.plan,
        rate_hz=None if slo is None else slo.rate_hz,
        deadline_s=None if slo is None else slo.latency_s,
    )


def _grouped(edges: Iterable[EdgeFacts], key: Callable[[EdgeFacts], str | None]) -> Mapping[str, tuple[EdgeFacts, ...]]:
    groups: dict[str, list[EdgeFacts]] = {}
    for edge in edges:
        if (name := key(edge)) is not None:
            groups.setdefault(name, []).append(edge)
    return {name: tuple(members) for name, members in groups.items()}
