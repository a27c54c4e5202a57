"""The tiny problem many times: at 2 requests a second a placed edge takes 0.4 % of a server's time."""

from __future__ import annotations

from dataclasses import replace

from joulecut_core.fleets import Fleet, FleetEdge, Shared
from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Uplink
from joulecut_core.problems import Problem, Slo
from tests.api.reports.tiny_problem import tiny_problem

RATE_HZ = 2.0
HOSTILE = "<script>alert(1)</script>"


def edge_problem(*, deadline_s: float = 0.045) -> Problem:
    """The tiny problem with a rate, and a server that idles at 10 W."""
    problem = tiny_problem()
    points = tuple(replace(point, idle_w=10.0) for point in problem.server.points)
    server = replace(problem.server, points=points)
    return replace(problem, server=server, slo=Slo(latency_s=deadline_s, rate_hz=RATE_HZ))


def small_fleet() -> Fleet:
    """Two edges that offload, and one that no choice serves in time."""
    problem = edge_problem()
    return Fleet(
        edges=(
            FleetEdge(name="gate", problem=problem),
            FleetEdge(name="yard", problem=problem),
            FleetEdge(name="late", problem=edge_problem(deadline_s=0.001)),
        ),
        shared=Shared(uplink_bps=30e6),
    )


def small_pool() -> Pool:
    """Two servers of one kind, of which one is enough, and three edges: one is late wherever it goes."""
    problem = edge_problem()
    return Pool(
        servers=tuple(
            PoolServer(name=name, kind="small", server_idle_w_counts=True, parked_w=6.0) for name in ("left", HOSTILE)
        ),
        uplinks=(Uplink(name="north", uplink_bps=30e6),),
        edges=tuple(
            PoolEdge(name=name, problems=(KindProblem(kind="small", problem=one),), uplink="north")
            for name, one in (("gate", problem), ("yard", problem), ("late", edge_problem(deadline_s=0.001)))
        ),
    )
