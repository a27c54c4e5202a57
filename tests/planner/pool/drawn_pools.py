"""Pools drawn from a seed: the drawn fleets' edges on several servers of one or two kinds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Uplink
from joulecut_core.problems import Problem, Server, SideTables
from tests.planner.fleet.drawn_fleets import drawn_edge, drawn_networks


def slower(problem: Problem, *, time: float, watts: float, idle: float) -> Problem:
    """The problem on another kind of server: so many times the seconds, the working watts and the idle watts."""

    def tables(one: SideTables) -> SideTables:
        return replace(
            one,
            time_s=tuple(tuple(time * value for value in row) for row in one.time_s),
            busy_w=tuple(tuple(watts * value for value in row) for row in one.busy_w),
            time_std_s=None
            if one.time_std_s is None
            else tuple(tuple(time * value for value in row) for row in one.time_std_s),
        )

    points = tuple(replace(point, idle_w=idle * point.idle_w) for point in problem.server.points)
    return replace(
        problem,
        server=Server(points=points),
        variants=tuple(replace(one, server=tables(one.server)) for one in problem.variants),
    )


def drawn_pool(
    seed: int,
    edges: int,
    servers: int,
    *,
    cuts: int = 12,
    edge_points: int = 4,
    server_points: int = 8,
    kinds: int = 2,
    uplinks: int = 1,
    radio: bool = True,
    wanted: float = 1.5,
    parked_w: float | None = 8.0,
    server_utilisation: float = 0.7,
) -> Pool:
    """Edges that ask for `wanted` times the servers' time at their middle clocks, and for more uplink than there is."""
    networks = drawn_networks(1000 * seed, cuts=cuts, edge_points=edge_points, server_points=server_points)
    others = [slower(network, time=2.2, watts=0.35, idle=0.4) for network in networks]
    first = others[0].server
    others = [replace(other, server=first) for other in others]
    place = {id(network): number for number, network in enumerate(networks)}
    # An edge keeps a server busy for about 0.02 at rate scale 1.
    scale = float(min(1.0, wanted * servers * server_utilisation / (0.03 * edges)))
    drawn = []
    for n in range(edges):
        rng = np.random.default_rng(1_000_003 * seed + n)
        network = networks[int(rng.integers(len(networks)))]
        problem = drawn_edge(networks, 1_000_003 * seed + n, rate_scale=scale, radio=radio)
        other = others[place[id(network)]]
        problems = [KindProblem(kind="large", problem=problem)]
        if kinds > 1:
            own = replace(problem, server=other.server, variants=other.variants)
            problems.append(KindProblem(kind="small", problem=own))
        drawn.append(
            PoolEdge(name=f"edge{n}", problems=tuple(problems), uplink=f"hall{n % uplinks}" if uplinks else None)
        )
    return Pool(
        servers=tuple(
            PoolServer(
                name=f"gpu{m}",
                kind="large" if kinds == 1 or m % 2 == 0 else "small",
                server_utilisation=server_utilisation,
                server_wait_s=0.002,
                server_idle_w_counts=True,
                parked_w=parked_w,
            )
            for m in range(servers)
        ),
        uplinks=tuple(Uplink(name=f"hall{u}", uplink_bps=4e6 * edges / uplinks) for u in range(uplinks)),
        edges=tuple(drawn),
    )
