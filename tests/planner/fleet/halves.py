"""Fleets that pose the partition problem: whether sizes can be divided into two equal halves."""

from __future__ import annotations

from joulecut_core.fleets import Fleet, FleetEdge, Shared
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

_RATE_HZ = 1.0
_BITS = 8.0e5
"""What an edge of size 1 sends in its period where it spares the server."""


def halves_fleet(sizes: list[float]) -> Fleet:
    """Each edge sends its size and needs no server time, or sends nothing and takes its size of the server's time.

    Uplink and server hold half of all sizes each.
    """
    half = 0.5 * sum(sizes)
    server_s = 0.8 / half
    return Fleet(
        edges=tuple(
            FleetEdge(name=f"edge{n}", problem=_problem(size, server_s * size)) for n, size in enumerate(sizes)
        ),
        shared=Shared(uplink_bps=half * _BITS * _RATE_HZ, server_utilisation=0.8),
    )


def _problem(size: float, server_s: float) -> Problem:
    nothing = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)
    return Problem(
        slo=Slo(rate_hz=_RATE_HZ),
        link=Link(uplink_bps=1e9, downlink_bps=1e9, rtt_s=0.0),
        edge=Edge(points=(EdgePoint(core_mhz=1000.0, memory_mhz=None, wait_w=1.0),)),
        server=Server(points=(ServerPoint(core_mhz=1000.0, memory_mhz=None),)),
        cuts=(
            ProblemCut(name="send", wires=(Wire(codec="raw", uplink_bytes=size * _BITS / 8.0, downlink_bytes=0.0),)),
            ProblemCut(name="compute", wires=(nothing,)),
            ProblemCut(name="output", wires=(nothing,), allowed=False),
        ),
        variants=(
            Variant(
                name="only",
                edge=SideTables(time_s=((0.0,), (0.0,), (0.0,)), busy_w=((1.0,), (1.0,), (1.0,))),
                server=SideTables(time_s=((0.0,), (server_s,), (0.0,)), busy_w=((1.0,), (1.0,), (1.0,))),
            ),
        ),
    )
