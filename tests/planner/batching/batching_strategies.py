"""Small and degenerate batching problems, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

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
from tests.planner.drawn_figures import THREE_IN_FOUR, TWO_IN_THREE, Figures, any_of, drawn_table

HOME = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)

_HEADS = Figures(common=(0.001, 0.004, 0.01), least=0.0005, most=0.03)
_TAILS = Figures(common=(0.0, 0.001, 0.004), least=0.0002, most=0.01)
_WATTS = Figures(common=(0.0, 2.0, 10.0), most=30.0)
WATTS = st.one_of(st.sampled_from([0.0, 2.0, 10.0]), st.floats(0.0, 30.0))
_DEADLINES = st.one_of(st.none(), st.floats(0.01, 0.08))


@st.composite
def batching_problems(
    draw: st.DrawFn, *, min_edges: int = 1, max_edges: int = 4, max_cuts: int = 3, max_points: int = 2
) -> BatchingProblem:
    """Edges that differ in everything they may differ in, over one network of up to `max_cuts` cuts."""
    cuts = draw(st.integers(2, max_cuts))
    server_points = tuple(
        ServerPoint(core_mhz=500.0 + 100 * index, memory_mhz=None, idle_w=draw(WATTS))
        for index in range(draw(st.integers(1, max_points)))
    )
    server = _tables(draw, cuts, len(server_points))
    shared = (draw(any_of(None, None, 20.0, 60.0)), draw(any_of(1.0, 1.0, 0.0, 0.3)))
    edges = tuple(
        BatchingEdge(
            name=f"edge{index}",
            arrival_s=draw(any_of(0.0, 0.0, 0.002, 0.01)),
            problem=_problem(draw, Server(points=server_points), server, shared, max_points),
        )
        for index in range(draw(st.integers(min_edges, max_edges)))
    )
    return BatchingProblem(
        edges=edges,
        batches=tuple(_batch(draw, server, size) for size in draw(any_of((), (2,), (2, 4), (4, 2), (4,)))),
        server_clock=draw(st.sampled_from(ServerClock)),
    )


def _problem(
    draw: st.DrawFn, server: Server, tables: SideTables, shared: tuple[float | None, float], max_points: int
) -> Problem:
    """One edge's problem; `shared` are the rate and the weight of the server's joules."""
    cuts, points = len(tables.time_s), draw(st.integers(1, max_points))
    return Problem(
        slo=Slo(latency_s=draw(_DEADLINES), rate_hz=shared[0]),
        max_accuracy_loss=draw(any_of(0.0, 0.02)),
        objective=Objective(
            edge_weight=draw(any_of(1.0, 1.0, 0.0)),
            server_weight=shared[1],
            server_idle_share=draw(any_of(0.0, 0.0, 0.5)),
        ),
        link=Link(
            uplink_bps=draw(any_of(1e6, 2e7, 1e9)),
            downlink_bps=1e8,
            rtt_s=draw(any_of(0.0, 0.002)),
            uplink_w=draw(any_of(0.0, 1.5)),
        ),
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=300.0 + index, memory_mhz=2133.0, wait_w=draw(WATTS)) for index in range(points)
            )
        ),
        server=server,
        cuts=(
            *(
                ProblemCut(
                    name=f"cut{c}",
                    wires=tuple(_wire(draw) for _ in range(draw(st.integers(1, 2)))),
                    allowed=draw(THREE_IN_FOUR),
                )
                for c in range(cuts - 1)
            ),
            ProblemCut(name="output", wires=(HOME,), allowed=draw(TWO_IN_THREE)),
        ),
        variants=(Variant(name="fp32", edge=_side(draw, cuts, points, _HEADS, idle_cut=0), server=tables),),
    )


def _batch(draw: st.DrawFn, single: SideTables, size: int) -> BatchTables:
    """Tables of a batch: mostly cheaper per request than batch 1, now and then anything at all."""
    if not draw(THREE_IN_FOUR):
        tables = _tables(draw, len(single.time_s), len(single.time_s[0]))
        return BatchTables(batch=size, time_s=tables.time_s, busy_w=tables.busy_w)
    slower, harder = draw(any_of(1.0, 1.2, 1.7)), draw(any_of(1.0, 1.3))
    return BatchTables(
        batch=size,
        time_s=tuple(tuple(slower * value for value in row) for row in single.time_s),
        busy_w=tuple(tuple(harder * value for value in row) for row in single.busy_w),
    )


def _wire(draw: st.DrawFn) -> Wire:
    return Wire(
        codec=draw(any_of("raw", "u8")),
        uplink_bytes=draw(any_of(0.0, 1000.0, 20_000.0)),
        downlink_bytes=draw(any_of(0.0, 4000.0)),
        accuracy_loss=draw(any_of(0.0, 0.0, 0.01)),
        encode_s=draw(any_of(0.0, 0.0005)),
        encode_w=draw(any_of(0.0, 1.0)),
        decode_s=draw(any_of(0.0, 0.0003)),
        decode_w=draw(any_of(0.0, 20.0)),
    )


def _tables(draw: st.DrawFn, cuts: int, points: int) -> SideTables:
    return _side(draw, cuts, points, _TAILS, idle_cut=cuts - 1)


def _side(draw: st.DrawFn, cuts: int, points: int, seconds: Figures, *, idle_cut: int) -> SideTables:
    return SideTables(
        time_s=drawn_table(draw, seconds, cuts, points, idle_cut=idle_cut),
        busy_w=drawn_table(draw, _WATTS, cuts, points),
    )
