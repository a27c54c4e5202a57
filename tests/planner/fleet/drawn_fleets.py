"""Fleets drawn from a seed: a few networks on unequal links, rates and deadlines, short of uplink and of server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulecut_core.fleets import Fleet, FleetEdge, Shared
from joulecut_core.problems import Link, Objective, Problem, Slo
from tests.planner.drawn_problems import drawn_problem

_WANTED_BPS = 1.3e7
"""About what an edge would take of an uplink without limit."""

NETWORKS = 8
"""How many sets of tables a fleet's edges have among them."""


def drawn_networks(
    seed: int, *, cuts: int, edge_points: int, server_points: int, count: int = NETWORKS
) -> list[Problem]:
    """Problems with tables of their own on one server's operating points."""
    drawn = [
        drawn_problem(seed + n, cuts=cuts, edge_points=edge_points, server_points=server_points, wires=1)
        for n in range(count)
    ]
    return [replace(problem, server=drawn[0].server) for problem in drawn]


def drawn_edge(networks: list[Problem], seed: int, *, rate_scale: float, radio: bool) -> Problem:
    """One edge: one of the networks under a link, rate, deadline and weight of its own."""
    rng = np.random.default_rng(seed)
    network = networks[int(rng.integers(len(networks)))]
    return replace(
        network,
        link=Link(
            uplink_bps=float(10 ** rng.uniform(6.7, 8.0)),
            downlink_bps=5e7,
            rtt_s=float(rng.uniform(0.001, 0.01)),
            latency_std_s=0.0005,
            uplink_w=float(rng.uniform(0.5, 2.0)) if radio else 0.0,
        ),
        slo=Slo(
            latency_s=float(rng.uniform(0.06, 0.2)),
            quantile=0.95,
            margin="gaussian",
            rate_hz=float(rng.uniform(2.0, 12.0) * rate_scale),
        ),
        objective=Objective(edge_weight=float(rng.uniform(1.0, 8.0)), server_weight=1.0),
    )


def drawn_fleet(
    seed: int,
    edges: int,
    *,
    cuts: int = 60,
    edge_points: int = 8,
    server_points: int = 40,
    radio: bool = True,
    uplink_share: float = 0.3,
    idle_counts: bool = True,
) -> Fleet:
    """A fleet whose offloading asks for about twice the server and for more uplink than there is.

    Rates fall with the number of edges, so that one server stays one server's worth short.
    """
    networks = drawn_networks(1000 * seed, cuts=cuts, edge_points=edge_points, server_points=server_points)
    scale = min(1.0, 60.0 / edges)
    problems = [drawn_edge(networks, 1_000_003 * seed + n, rate_scale=scale, radio=radio) for n in range(edges)]
    return Fleet(
        edges=tuple(FleetEdge(name=f"edge{n}", problem=problem) for n, problem in enumerate(problems)),
        shared=Shared(
            uplink_bps=uplink_share * edges * _WANTED_BPS,
            server_utilisation=0.7,
            server_wait_s=0.002,
            server_idle_w_counts=idle_counts,
        ),
    )


def copied(fleet: Fleet, copies: int) -> Fleet:
    """The fleet with so many of each edge, in turns, under the same shared bounds; equal problems, not one."""
    edges = [
        FleetEdge(name=f"{edge.name}-{turn}", problem=replace(edge.problem))
        for turn in range(copies)
        for edge in fleet.edges
    ]
    return Fleet(edges=tuple(edges), shared=fleet.shared)
