"""A problem small enough to be worked out by hand, and one request's ledger.

At cut 1, edge at 1000 MHz, server at 1500 MHz: T = 10 + 20 + 5 + 2 + 0.8 = 37.8 ms; the edge takes
1 W x 37.8 ms + (5 - 1) W x 10 ms = 77.8 mJ, the server 100 W x 2 ms = 200 mJ. Every other cut is late.
"""

from __future__ import annotations

from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds
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

DEADLINE_S = 0.045


def tiny_problem(*, deadline_s: float | None = DEADLINE_S, middle: str = "middle") -> Problem:
    """Two blocks, two clocks on either side. Without a deadline the whole network runs on the edge, at 250 mJ."""
    return Problem(
        link=Link(uplink_bps=10e6, downlink_bps=10e6, rtt_s=0.005),
        edge=Edge(
            points=(
                EdgePoint(core_mhz=1000.0, memory_mhz=None, wait_w=1.0),
                EdgePoint(core_mhz=500.0, memory_mhz=None, wait_w=1.0),
            ),
            power_scope="module input",
        ),
        server=Server(
            points=(ServerPoint(core_mhz=1500.0, memory_mhz=None), ServerPoint(core_mhz=700.0, memory_mhz=None)),
            power_scope="GPU board",
        ),
        cuts=(
            ProblemCut(
                name="input",
                wires=(
                    Wire(codec="raw", uplink_bytes=100e3, downlink_bytes=1e3),
                    Wire(codec="u8", uplink_bytes=50e3, downlink_bytes=1e3),
                ),
            ),
            ProblemCut(name=middle, wires=(Wire(codec="raw", uplink_bytes=25e3, downlink_bytes=1e3),)),
            ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0),)),
        ),
        variants=(
            Variant(
                name="fp32",
                edge=SideTables(
                    time_s=((0.0, 0.0), (0.010, 0.020), (0.050, 0.100)), busy_w=((5.0, 3.0), (5.0, 3.0), (5.0, 3.0))
                ),
                server=SideTables(
                    time_s=((0.004, 0.008), (0.002, 0.004), (0.0, 0.0)),
                    busy_w=((100.0, 60.0), (100.0, 60.0), (100.0, 60.0)),
                ),
            ),
        ),
        slo=Slo(latency_s=deadline_s),
    )


def ledger(*, served_by: str = "split", fallback: bool = False, total_s: float = 0.040) -> RequestLedger:
    """Stages of 38 ms in all, and 280 mJ."""
    return RequestLedger(
        request_id="r",
        epoch=1,
        cut=1,
        codec="raw",
        served_by=served_by,
        fallback=fallback,
        seconds=RequestSeconds(
            edge_queue=0.001,
            head=0.010,
            encode=0.001,
            up=0.020,
            server_queue=0.001,
            decode=0.001,
            tail=0.002,
            down=0.002,
            total=total_s,
        ),
        joules=RequestJoules(edge_busy=0.05, edge_wait=0.02, encode=0.001, radio=0.009, server=0.19, server_wait=0.01),
        figures=FigureKind.EMULATED,
    )
