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
    Variant,
    Wire,
)
from tests.planner.drawn_figures import THREE_IN_FOUR, Figures, any_of, drawn_table

HOME_WIRE = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)

_DEADLINES = st.one_of(st.none(), st.floats(0.03, 0.3))
_UPLINKS = st.one_of(st.none(), st.sampled_from([2e6, 8e6]), st.floats(1e6, 3e7))
_UTILISATIONS = st.one_of(st.sampled_from([0.0, 0.3, 0.8, 1.0]), st.floats(0.05, 0.6))
# An edge slow and hot, a server fast and cool: most edges want to offload, and get in each other's way.
_EDGE_SECONDS = Figures(common=(0.0, 0.01, 0.03), least=0.005, most=0.06)
_SERVER_SECONDS = Figures(common=(0.0, 0.01), least=0.001, most=0.03)
_EDGE_WATTS = Figures(common=(0.0, 10.0), least=5.0, most=40.0)
_SERVER_WATTS = Figures(common=(0.0, 5.0), most=20.0)
_SPREADS = Figures(common=(0.0, 0.0005, 0.004), most=0.004)


@st.composite
def _tables(draw: st.DrawFn, cuts: int, points: int, idle_cut: int) -> SideTables:
    seconds, watts = (_EDGE_SECONDS, _EDGE_WATTS) if idle_cut == 0 else (_SERVER_SECONDS, _SERVER_WATTS)
    return SideTables(
        time_s=drawn_table(draw, seconds, cuts, points, idle_cut=idle_cut),
        busy_w=drawn_table(draw, watts, cuts, points),
        time_std_s=drawn_table(draw, _SPREADS, cuts, points, idle_cut=idle_cut) if draw(st.booleans()) else None,
    )


def server_tables(cuts: int, points: int) -> st.SearchStrategy[SideTables]:
    """A server's tables for so many cuts and operating points."""
    return _tables(cuts, points, cuts - 1)


@st.composite
def _wires(draw: st.DrawFn) -> tuple[Wire, ...]:
    return tuple(
        Wire(
            codec=f"codec{w}",
            uplink_bytes=draw(any_of(0.0, 1000.0, 10_000.0, 40_000.0)),
            downlink_bytes=draw(any_of(0.0, 1000.0)),
            accuracy_loss=draw(any_of(0.0, 0.0, 0.02)),
            encode_s=draw(any_of(0.0, 0.001)),
            encode_w=draw(any_of(0.0, 2.0)),
            decode_s=draw(any_of(0.0, 0.0005)),
            decode_w=draw(any_of(0.0, 30.0)),
        )
        for w in range(draw(st.integers(1, 2)))
    )


@st.composite
def problems(draw: st.DrawFn, server: Server) -> Problem:
    """Problems with a rate on a server's operating points."""
    cuts, points = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    local = not draw(st.booleans())
    return Problem(
        slo=Slo(
            latency_s=draw(_DEADLINES),
            quantile=draw(any_of(None, 0.9)),
            margin=draw(any_of("cantelli", "gaussian")),
            rate_hz=draw(any_of(2.0, 5.0, 10.0, 20.0)),
        ),
        max_accuracy_loss=draw(any_of(0.0, 0.01, 0.03)),
        objective=Objective(
            edge_weight=draw(any_of(0.0, 1.0, 1.0, 3.0)),
            server_weight=draw(any_of(0.0, 0.3, 1.0)),
            server_idle_share=draw(any_of(0.0, 0.0, 0.5)),
        ),
        link=Link(
            uplink_bps=draw(any_of(2e6, 1e7, 1e9)),
            downlink_bps=draw(any_of(1e6, 1e9)),
            rtt_s=draw(any_of(0.0, 0.002)),
            latency_std_s=draw(any_of(0.0, 0.001)),
            uplink_w=draw(any_of(0.0, 1.0, 4.0)),
            downlink_w=draw(any_of(0.0, 1.0)),
        ),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=300.0 + i, memory_mhz=None, wait_w=draw(any_of(0.0, 1.0, 4.0)))
                for i in range(points)
            )
        ),
        server=server,
        cuts=(
            *(ProblemCut(name=f"cut{c}", wires=draw(_wires()), allowed=draw(THREE_IN_FOUR)) for c in range(cuts - 1)),
            ProblemCut(name="output", wires=(HOME_WIRE,), allowed=local),
        ),
        variants=tuple(
            Variant(
                name=f"variant{v}",
                accuracy_loss=0.01 * v,
                edge=draw(_tables(cuts, points, 0)),
                server=draw(_tables(cuts, len(server.points), cuts - 1)),
            )
            for v in range(draw(any_of(1, 1, 2)))
        ),
    )


@st.composite
def fleets(draw: st.DrawFn, *, max_edges: int = 3) -> Fleet:
    """Fleets of a few edges on one server of one or two points: rejected edges and hopeless fleets included."""
    server = Server(
        points=tuple(
            ServerPoint(core_mhz=500.0 + j, memory_mhz=None, idle_w=draw(any_of(0.0, 5.0, 20.0)))
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
            uplink_bps=draw(_UPLINKS),
            server_utilisation=draw(_UTILISATIONS),
            server_wait_s=draw(any_of(0.0, 0.0, 0.004)),
            server_idle_w_counts=draw(st.booleans()),
        ),
    )
