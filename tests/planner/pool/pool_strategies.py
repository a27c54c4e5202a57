"""Small random pools, short of everything now and then, as hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Route, Uplink
from joulecut_core.problems import Problem, Server, ServerPoint
from tests.planner.drawn_figures import THREE_IN_FOUR, TWO_IN_THREE, any_of
from tests.planner.fleet.fleet_strategies import problems, server_tables

_UPLINKS = st.one_of(st.sampled_from([2e6, 8e6]), st.floats(1e6, 3e7))


@st.composite
def _servers(draw: st.DrawFn, kinds: list[str]) -> tuple[PoolServer, ...]:
    servers = []
    for m in range(draw(st.integers(1, 3))):
        counts, may_park = draw(st.booleans()), draw(TWO_IN_THREE)
        servers.append(
            PoolServer(
                name=f"gpu{m}",
                kind=draw(any_of(*kinds)),
                server_utilisation=draw(any_of(0.0, 0.05, 0.3, 0.8, 1.0)),
                server_wait_s=draw(any_of(0.0, 0.0, 0.004)),
                server_idle_w_counts=counts,
                parked_w=draw(any_of(None, 0.0, 3.0, 30.0)) if counts else None,
                may_park=may_park,
                may_serve=not may_park or draw(THREE_IN_FOUR),
            )
        )
        if draw(st.booleans()) and m:
            # Two servers alike make ties.
            servers[m] = replace(servers[m - 1], name=f"gpu{m}")
    return tuple(servers)


@st.composite
def _route(draw: st.DrawFn, server: str) -> Route:
    return Route(
        server=server,
        rtt_s=draw(any_of(None, 0.0, 0.01)),
        uplink_bps=draw(any_of(None, 4e6)),
        downlink_bps=draw(any_of(None, 2e6)),
    )


@st.composite
def pools(draw: st.DrawFn, *, max_edges: int = 3) -> Pool:
    """A few edges, servers of one or two kinds, up to two uplinks: rejected edges and hopeless pools included."""
    kinds = ["large", "small"][: draw(st.integers(1, 2))]
    server = {
        kind: Server(
            points=tuple(
                ServerPoint(core_mhz=500.0 + j, memory_mhz=None, idle_w=draw(any_of(0.0, 5.0, 20.0)))
                for j in range(draw(st.integers(1, 2)))
            )
        )
        for kind in kinds
    }
    servers = draw(_servers(kinds))
    uplinks = tuple(Uplink(name=f"hall{u}", uplink_bps=draw(_UPLINKS)) for u in range(draw(st.integers(0, 2))))
    edges = []
    for n in range(draw(st.integers(1, max_edges))):
        first = draw(problems(server[kinds[0]]))
        others = {kind: draw(_on(first, server[kind])) for kind in kinds[1:]}
        routed = not draw(TWO_IN_THREE)
        edges.append(
            PoolEdge(
                name=f"edge{n}",
                problems=tuple(
                    KindProblem(kind=kind, problem=one) for kind, one in {kinds[0]: first, **others}.items()
                ),
                uplink=draw(any_of(None, *(uplink.name for uplink in uplinks))),
                routes=tuple(draw(_route(one.name)) for one in servers if draw(st.booleans())) if routed else (),
            )
        )
    if len(edges) > 1 and draw(st.booleans()):
        # Two edges alike make ties.
        edges[1] = replace(edges[0], name="edge1")
    return Pool(servers=servers, edges=tuple(edges), uplinks=uplinks)


@st.composite
def _on(draw: st.DrawFn, problem: Problem, server: Server) -> Problem:
    """The problem with tables for another kind of server."""
    return replace(
        problem,
        server=server,
        variants=tuple(
            replace(one, server=draw(server_tables(len(problem.cuts), len(server.points)))) for one in problem.variants
        ),
    )
