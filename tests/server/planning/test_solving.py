"""What the planner for anybody refuses although its size is none to refuse."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ProblemError
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.planning.solving import ServerSolver

POINTS = 150


def always_dearer_when_faster() -> Problem:
    """One cut between sides of so many points each: J falls by as much as T rises, so all pairs are on the front."""
    edge_s = tuple(0.01 + 1e-4 * point for point in range(POINTS))
    server_s = tuple(0.01 + 5e-7 * point for point in range(POINTS))
    idle = (0.0,) * POINTS

    def tables(busy_s: tuple[float, ...], *, first: bool) -> SideTables:
        busy_w = tuple((10.0 - 50.0 * time_s) / time_s for time_s in busy_s)
        rows = (idle, busy_s, busy_s) if first else (busy_s, busy_s, idle)
        return SideTables(time_s=rows, busy_w=(busy_w,) * 3)

    raw = Wire(codec="raw", uplink_bytes=1000.0, downlink_bytes=0.0)
    return Problem(
        slo=Slo(rate_hz=1.0),
        link=Link(uplink_bps=1e7, downlink_bps=1e7, rtt_s=0.0),
        edge=Edge(
            points=tuple(EdgePoint(core_mhz=1.0 + point, memory_mhz=None, wait_w=0.0) for point in range(POINTS))
        ),
        server=Server(points=tuple(ServerPoint(core_mhz=1.0 + point, memory_mhz=None) for point in range(POINTS))),
        cuts=(
            ProblemCut(name="input", allowed=False, wires=(raw,)),
            ProblemCut(name="middle", wires=(raw,)),
            ProblemCut(name="output", allowed=False, wires=(Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0),)),
        ),
        variants=(Variant(name="fp32", edge=tables(edge_s, first=True), server=tables(server_s, first=False)),),
    )


def test_a_front_that_nobody_could_send() -> None:
    """It would take gigabytes, and the one thread of all callers for minutes; its problem is a small one."""
    problem = always_dearer_when_faster()
    solver = ServerSolver(PlanningLimits())
    with pytest.raises(ProblemError, match="a front of more than 20000 plans"):
        solver.pareto(problem)
    solver.close()
