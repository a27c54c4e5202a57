"""A batching problem small enough to reckon by hand: three cuts, one clock on the edges, two on the server."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Objective,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from joulecut_planner.batching import BatchingEdge, BatchingProblem, BatchTables, ServerClock


def edge_problem(
    *, latency_s: float | None = 0.1, rate_hz: float | None = None, uplink_bps: float = 8e6, home_w: float = 20.0
) -> Problem:
    """Home: 40 ms at 20 W. Cut 0: 10 ms upload; cut 1: 20 ms head at 5 W, 1 ms upload. Waiting draws 1 W."""
    return Problem(
        slo=Slo(latency_s=latency_s, rate_hz=rate_hz),
        objective=Objective(),
        link=Link(uplink_bps=uplink_bps, downlink_bps=8e9, rtt_s=0.002),
        edge=Edge(points=(EdgePoint(core_mhz=600.0, memory_mhz=None, wait_w=1.0),)),
        server=Server(
            points=(ServerPoint(core_mhz=500.0, memory_mhz=None), ServerPoint(core_mhz=1000.0, memory_mhz=None))
        ),
        cuts=(
            ProblemCut(name="input", wires=(Wire(codec="raw", uplink_bytes=10_000.0, downlink_bytes=0.0),)),
            ProblemCut(name="middle", wires=(Wire(codec="raw", uplink_bytes=1000.0, downlink_bytes=0.0),)),
            ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0),)),
        ),
        variants=(
            Variant(
                name="fp32",
                edge=SideTables(time_s=((0.0,), (0.02,), (0.04,)), busy_w=((0.0,), (5.0,), (home_w,))),
                server=SideTables(
                    time_s=((0.008, 0.004), (0.004, 0.002), (0.0, 0.0)),
                    busy_w=((100.0, 250.0), (100.0, 250.0), (0.0, 0.0)),
                ),
            ),
        ),
    )


def batching_problem(
    problems: Sequence[Problem], *, arrivals_s: Sequence[float] | None = None, clock: ServerClock = ServerClock.SHARED
) -> BatchingProblem:
    """These edges; a batch of up to four takes 1.5 times as long as one request, at the same draw."""
    return BatchingProblem(
        edges=tuple(
            BatchingEdge(name=f"edge{index}", problem=problem, arrival_s=arrivals_s[index] if arrivals_s else 0.0)
            for index, problem in enumerate(problems)
        ),
        batches=(
            BatchTables(
                batch=4,
                time_s=((0.012, 0.006), (0.006, 0.003), (0.0, 0.0)),
                busy_w=((100.0, 250.0), (100.0, 250.0), (0.0, 0.0)),
            ),
        ),
        server_clock=clock,
    )
