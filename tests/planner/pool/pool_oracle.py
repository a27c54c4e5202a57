"""The contract's fleet problem of version 2 read aloud: every state of every server, every placement, the best shares.

Written from the contract's text, apart from the planner's formulas: plain numbers, one choice at a time. The terms of
an edge's choice are version 1's (`fleet_oracle.terms`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from joulecut_core.fleets import Shared
from joulecut_core.pool_plans import PoolPlan, ServerState
from joulecut_core.pools import Pool, PoolEdge, PoolServer
from joulecut_core.problems import Problem, ServerPoint
from tests.planner.fleet.fleet_oracle import Term, least_radio_w, near, share_range, term, terms


@dataclass(frozen=True, slots=True)
class Best:
    """The least power of a pool, infinite where it cannot be served together, and the edges left out of it."""

    power_w: float
    rejected: frozenset[str]


def shared_of(pool: Pool, edge: PoolEdge, server: PoolServer) -> Shared:
    """The bounds of version 1 for one edge on one server."""
    capacity = {uplink.name: uplink.uplink_bps for uplink in pool.uplinks}
    return Shared(
        uplink_bps=None if edge.uplink is None else capacity[edge.uplink],
        server_utilisation=server.server_utilisation,
        server_wait_s=server.server_wait_s,
        server_idle_w_counts=server.server_idle_w_counts,
    )


def problem_on(edge: PoolEdge, server: PoolServer) -> Problem | None:
    """The problem of an edge on a server, over its route; None where it may not be placed there."""
    routes = {route.server: route for route in edge.routes}
    if not server.may_serve or (routes and server.name not in routes):
        return None
    for one in edge.problems:
        if one.kind == server.kind:
            link, route = one.problem.link, routes.get(server.name)
            if route is not None:
                link = replace(
                    link,
                    rtt_s=link.rtt_s if route.rtt_s is None else route.rtt_s,
                    uplink_bps=link.uplink_bps if route.uplink_bps is None else route.uplink_bps,
                    downlink_bps=link.downlink_bps if route.downlink_bps is None else route.downlink_bps,
                )
            return replace(one.problem, link=link)
    return None


def points_of(pool: Pool, kind: str) -> tuple[ServerPoint, ...]:
    """The operating points of a kind; none where no edge knows it."""
    found = [one.problem.server.points for edge in pool.edges for one in edge.problems if one.kind == kind]
    return found[0] if found else ()


def empty_w(pool: Pool, server: PoolServer) -> float:
    """What counts of a server that nobody is placed on."""
    if not server.server_idle_w_counts:
        return 0.0
    idles = [point.idle_w for point in points_of(pool, server.kind)]
    parked = [] if not server.may_park else [min(idles) if server.parked_w is None else server.parked_w]
    return min(idles + parked)


@dataclass(frozen=True, slots=True)
class Option:
    """One way for one edge: a server's index (None: on its own) at a point, a choice, and the range of its share."""

    server: int | None
    point: int
    one: Term
    low: float
    high: float


def options(pool: Pool, edge: PoolEdge, tolerance: float) -> list[Option]:
    """All that an edge could do alone."""
    found = []
    for one in edge.problems:
        for local in terms(one.problem, Shared(), 0):
            span = None if local.offloaded else share_range(one.problem, Shared(), local, tolerance)
            if span is not None:
                found.append(Option(None, -1, local, *span))
    for index, server in enumerate(pool.servers):
        problem = problem_on(edge, server)
        for point in range(0 if problem is None else len(problem.server.points)):
            assert problem is not None
            shared = shared_of(pool, edge, server)
            for away in terms(problem, shared, point):
                span = share_range(problem, shared, away, tolerance) if away.offloaded else None
                if span is not None and away.load <= server.server_utilisation * (1 + tolerance):
                    found.append(Option(index, point, away, *span))
    return found


def best(pool: Pool, tolerance: float) -> Best:
    """The least power over all combinations of all edges' options, pruned of what another option of the edge beats."""
    each = {edge.name: _unbeaten(options(pool, edge, tolerance), pool) for edge in pool.edges}
    edges = [edge for edge in pool.edges if each[edge.name]]
    least_w = math.inf
    chosen: list[Option] = []

    def go(place: int) -> None:
        nonlocal least_w
        if place == len(edges):
            least_w = min(least_w, _power_w(pool, edges, chosen, tolerance, least_w))
            return
        for one in each[edges[place].name]:
            mates = [other for other in chosen if other.server == one.server is not None]
            load = one.one.load + sum(other.one.load for other in mates)
            if one.server is not None and (
                any(other.point != one.point for other in mates)
                or load > pool.servers[one.server].server_utilisation * (1 + tolerance)
            ):
                continue
            chosen.append(one)
            go(place + 1)
            chosen.pop()

    go(0)
    return Best(least_w, frozenset(name for name, own in each.items() if not own))


def _unbeaten(own: list[Option], pool: Pool) -> list[Option]:
    """Options that no other one on the same server at the same point matches or beats in all that counts."""

    def worse(one: Option, other: Option) -> bool:
        idle_w = 0.0
        if one.server is not None and pool.servers[one.server].server_idle_w_counts:
            idle_w = points_of(pool, pool.servers[one.server].kind)[one.point].idle_w
        mine = (one.one.fixed_w - idle_w * one.one.load, one.one.radio_w * one.one.uplink_bits, one.low, one.one.load)
        its = (
            other.one.fixed_w - idle_w * other.one.load,
            other.one.radio_w * other.one.uplink_bits,
            other.low,
            other.one.load,
        )
        return (one.server, one.point) == (other.server, other.point) and all(
            a >= b for a, b in zip(mine, its, strict=True)
        )

    kept: list[Option] = []
    for one in own:
        if not any(worse(one, other) for other in kept):
            kept = [other for other in kept if not worse(other, one)] + [one]
    return kept


def _power_w(pool: Pool, edges: list[PoolEdge], chosen: list[Option], tolerance: float, least_w: float) -> float:
    """What a combination draws whose loads fit; anything from `least_w` on where it draws that much in any case."""
    load: dict[int, float] = {}
    point = {one.server: one.point for one in chosen}
    for one in chosen:
        if one.server is not None:
            load[one.server] = load.get(one.server, 0.0) + one.one.load
    power_w = sum(one.one.fixed_w for one in chosen)
    for index, server in enumerate(pool.servers):
        if index not in load:
            power_w += empty_w(pool, server)
        elif server.server_idle_w_counts:
            power_w += points_of(pool, server.kind)[point[index]].idle_w * (1.0 - load[index])
    if power_w >= least_w:
        return power_w
    groups: dict[str | None, list[tuple[Term, tuple[float, float]]]] = {}
    for edge, one in zip(edges, chosen, strict=True):
        if one.server is not None:
            groups.setdefault(edge.uplink, []).append((one.one, (one.low, one.high)))
    capacity = {uplink.name: uplink.uplink_bps for uplink in pool.uplinks}
    for name, members in groups.items():
        power_w += least_radio_w(members, math.inf if name is None else capacity[name] * (1 + tolerance))
    return power_w


def check_plan(pool: Pool, plan: PoolPlan) -> None:
    """Assert that every printed number holds when recomputed from the printed choice, and that the plan is feasible."""
    assert plan.power_w is not None
    assert plan.lower_bound_w is not None
    assert plan.gap is not None
    edges, servers = {edge.name: edge for edge in pool.edges}, {server.name: server for server in pool.servers}
    assert [one.name for one in plan.servers] == [server.name for server in pool.servers]
    rejected = {one.name for one in plan.rejected}
    assert [one.name for one in plan.edges] == [edge.name for edge in pool.edges if edge.name not in rejected]
    states = {one.name: one for one in plan.servers}
    power_w, uplinks_bps = 0.0, dict.fromkeys((uplink.name for uplink in pool.uplinks), 0.0)
    load = dict.fromkeys(servers, 0.0)
    busy_w = dict.fromkeys(servers, 0.0)
    count = dict.fromkeys(servers, 0)
    for printed in plan.edges:
        edge, own = edges[printed.name], printed.plan
        base = next(one.problem for one in edge.problems if one.kind == printed.kind)
        problem, shared, point = base, Shared(), 0
        if printed.server is not None:
            server = servers[printed.server]
            assert server.kind == printed.kind
            on = problem_on(edge, server)
            assert on is not None
            assert states[server.name].server_point is not None
            problem, shared, point = on, shared_of(pool, edge, server), states[server.name].server_point or 0
            assert own.server_point == point
        assert own.cut is not None
        assert own.edge_point is not None
        assert own.breakdown is not None
        wire = next((w for w, wire in enumerate(problem.cuts[own.cut].wires) if wire.codec == own.codec), 0)
        variant = [one.name for one in problem.variants].index(own.variant or "")
        one = term(problem, shared, (own.cut, wire, variant, own.edge_point), point)
        assert one.offloaded == (printed.server is not None) == (printed.uplink_bps > 0.0)
        assert one.keeps_rate
        share = printed.uplink_bps or 1.0
        late_s = one.latency_s(share) + one.margin_s
        assert problem.slo.rate_hz is not None
        assert one.uplink_bits / share <= (1 + 1e-9) / problem.slo.rate_hz
        assert problem.slo.latency_s is None or late_s <= problem.slo.latency_s * (1 + 1.000001e-9)
        assert printed.uplink_bps <= problem.link.uplink_bps
        near(own.latency_bound_s, late_s)
        near(problem.slo.rate_hz * (own.energy_j or 0.0), one.power_w(share))
        power_w += one.power_w(share)
        if printed.server is not None:
            load[printed.server] += one.load
            count[printed.server] += 1
            busy_w[printed.server] += problem.slo.rate_hz * (own.breakdown.server_busy_j + own.breakdown.decode_j)
            if edge.uplink is not None:
                uplinks_bps[edge.uplink] += printed.uplink_bps
    for uplink in pool.uplinks:
        assert uplinks_bps[uplink.name] <= uplink.uplink_bps * (1 + 1.000001e-9)
    for server in pool.servers:
        power_w += _check_server(pool, server, plan, load[server.name], count[server.name], busy_w[server.name])
    near(plan.power_w, power_w)
    assert plan.lower_bound_w <= plan.power_w
    near(plan.gap * plan.power_w, plan.power_w - plan.lower_bound_w, scale=plan.power_w)


def _check_server(pool: Pool, server: PoolServer, plan: PoolPlan, load: float, count: int, busy_w: float) -> float:
    """What counts of one server besides the edges' plans."""
    printed = next(one for one in plan.servers if one.name == server.name)
    assert load <= server.server_utilisation * (1 + 1.000001e-9)
    assert printed.edges == count
    assert (printed.state is ServerState.SERVING) == (count > 0)
    assert (printed.state is ServerState.PARKED) == (printed.server_point is None) == (printed.server_clock is None)
    near(printed.server_utilisation, load, scale=1.0)
    idles = [point.idle_w for point in points_of(pool, server.kind)]
    if printed.server_point is None:
        assert server.may_park
        near(printed.power_w, min(idles, default=0.0) if server.parked_w is None else server.parked_w)
        near(printed.counted_idle_w, empty_w(pool, server), scale=1.0)
        return printed.counted_idle_w
    idle_w = idles[printed.server_point] * (1.0 - load)
    near(printed.power_w, idle_w + busy_w, scale=1.0)
    near(printed.counted_idle_w, idle_w if server.server_idle_w_counts else 0.0, scale=1.0)
    return printed.counted_idle_w
