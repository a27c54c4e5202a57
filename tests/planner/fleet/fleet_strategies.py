"""Small random fleets, short of everything now and then, as hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from joulecut_core.fleets import Fleet, FleetEdge, Shared
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
    Table,
    Variant,
    Wire,
)

HOME_WIRE = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)

# An edge slow and hot, a server fast and cool: most edges want to offload, and get in each other's way.
EDGE_SECONDS = st.one_of(st.sampled_from([0.0, 0.01, 0.03]), st.floats(0.005, 0.06))
SERVER_SECONDS = st.one_of(st.sampled_from([0.0, 0.01]), st.floats(0.001, 0.03))
EDGE_WATTS = st.one_of(st.sampled_from([0.0, 10.0]), st.floats(5.0, 40.0))
SERVER_WATTS = st.one_of(st.sampled_from([0.0, 5.0]), st.floats(0.0, 20.0))
SPREADS = st.sampled_from([0.0, 0.0005, 0.004])


@st.composite
def _tables(draw: st.DrawFn, cuts: int, points: int, idle_cut: int) -> SideTables:
    seconds, watts = (EDGE_SECONDS, EDGE_WATTS) if idle_cut == 0 else (SERVER_SECONDS, SERVER_WATTS)

    def table(values: st.SearchStrategy[float], *, idles: bool) -> Table:
        return tuple(
            tuple(0.0 if idles and c == idle_cut else draw(values) for _ in range(points)) for c in range(cuts)
        )

    spreads = draw(st.booleans())
    return SideTables(
        time_s=table(seconds, idles=True),
        busy_w=table(watts, idles=False),
        time_std_s=table(SPREADS, idles=True) if spreads else None,
    )


def server_tables(cuts: int, points: int) -> st.SearchStrategy[SideTables]:
    """A server's tables for so many cuts and operating points."""
    return _tables(cuts, points, cuts - 1)


@st.composite
def _wires(draw: st.DrawFn) -> tuple[Wire, ...]:
    return tuple(
        Wire(
            codec=f"codec{w}",
            uplink_bytes=draw(st.sampled_from([0.0, 1000.0, 10_000.0, 40_000.0])),
            downlink_bytes=draw(st.sampled_from([0.0, 1000.0])),
            accuracy_loss=draw(st.sampled_from([0.0, 0.0, 0.02])),
            encode_s=draw(st.sampled_from([0.0, 0.001])),
            encode_w=draw(st.sampled_from([0.0, 2.0])),
            decode_s=draw(st.sampled_from([0.0, 0.0005])),
            decode_w=draw(st.sampled_from([0.0, 30.0])),
        )
        for w in range(draw(st.integers(1, 2)))
    )


@st.composite
def problems(draw: st.DrawFn, server: Server) -> Problem:
    """Problems with a rate on a server's operating points."""
    cuts, points = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    local = draw(st.sampled_from([True, False]))
    return Problem(
        slo=Slo(
            latency_s=draw(st.one_of(st.none(), st.floats(0.03, 0.3))),
            quantile=draw(st.sampled_from([None, 0.9])),
            margin=draw(st.sampled_from(["cantelli", "gaussian"])),
            rate_hz=draw(st.sampled_from([2.0, 5.0, 10.0, 20.0])),
        ),
        max_accuracy_loss=draw(st.sampled_from([0.0, 0.01, 0.03])),
        objective=Objective(
            edge_weight=draw(st.sampled_from([0.0, 1.0, 1.0, 3.0])),
            server_weight=draw(st.sampled_from([0.0, 0.3, 1.0])),
            server_idle_share=draw(st.sampled_from([0.0, 0.0, 0.5])),
        ),
        link=Link(
            uplink_bps=draw(st.sampled_from([2e6, 1e7, 1e9])),
            downlink_bps=draw(st.sampled_from([1e6, 1e9])),
            rtt_s=draw(st.sampled_from([0.0, 0.002])),
            latency_std_s=draw(st.sampled_from([0.0, 0.001])),
            uplink_w=draw(st.sampled_from([0.0, 1.0, 4.0])),
            downlink_w=draw(st.sampled_from([0.0, 1.0])),
        ),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=300.0 + i, memory_mhz=None, wait_w=draw(st.sampled_from([0.0, 1.0, 4.0])))
                for i in range(points)
            )
        ),
        server=server,
        cuts=(
            *(
                ProblemCut(
                    name=f"cut{c}", wires=draw(_wires()), allowed=draw(st.sampled_from([True, True, True, False]))
                )
                for c in range(cuts - 1)
            ),
            ProblemCut(name="output", wires=(HOME_WIRE,), allowed=local),
        ),
        variants=tuple(
            Variant(
                name=f"variant{v}",
                accuracy_loss=0.01 * v,
                edge=draw(_tables(cuts, points, 0)),
                server=draw(_tables(cuts, len(server.points), cuts - 1)),
            )
            for v in range(draw(st.sampled_from([1, 1, 2])))
        ),
    )


@st.composite
def fleets(draw: st.DrawFn, *, max_edges: int = 3) -> Fleet:
    """Fleets of a few edges on one server of one or two points: rejected edges and hopeless fleets included."""
    server = Server(
        points=tuple(
            ServerPoint(core_mhz=500.0 + j, memory_mhz=None, idle_w=draw(st.sampled_from([0.0, 5.0, 20.0])))
            for j in range(draw(st.integers(1, 2)))
        )
    )
    count = draw(st.integers(1, max_edges))
    edges = [FleetEdge(name=f"edge{n}", problem=draw(problems(server))) for n in range(count)]
    if count > 1 and draw(st.booleans()):
        # Two edges alike make ties.
        edges[1] = replace(edges[1], problem=edges[0].problem)
    return Fleet(
        edges=tuple(edges),
        shared=Shared(
            uplink_bps=draw(st.one_of(st.none(), st.sampled_from([2e6, 8e6]), st.floats(1e6, 3e7))),
            server_utilisation=draw(st.one_of(st.sampled_from([0.0, 0.3, 0.8, 1.0]), st.floats(0.05, 0.6))),
            server_wait_s=draw(st.sampled_from([0.0, 0.0, 0.004])),
            server_idle_w_counts=draw(st.booleans()),
        ),
    )
