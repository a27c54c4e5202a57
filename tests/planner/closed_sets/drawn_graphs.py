"""Random graphs of blocks and problems on them, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.problems import Edge, EdgePoint, Link, Objective, Server, ServerPoint, Slo
from joulecut_planner.closed_sets import BlockTables, DagProblem, WireRule
from tests.planner.drawn_figures import Figures, any_of, drawn_table

_SECONDS = Figures(common=(0.0, 0.001, 0.01), most=0.03)
_WATTS = Figures(common=(0.0, 2.0, 10.0), most=40.0)
_DEADLINES = st.none() | st.floats(0.005, 0.15)
_RATES = st.none() | st.floats(3.0, 100.0)
WATTS = st.one_of(st.sampled_from([0.0, 2.0, 10.0]), st.floats(0.0, 40.0))
_SIZES = st.sampled_from([0, 1000, 20_000, 150_000]) | st.integers(0, 200_000)


@st.composite
def graphs(draw: st.DrawFn, *, max_blocks: int = 8) -> BlockGraph:
    """Branches, joins, tensors with many readers, early answers, inputs that skip far or that nobody reads."""
    count = draw(st.integers(1, max_blocks))
    tensors: list[GraphTensor] = []
    producers = [INPUT] * draw(st.integers(1, 2)) + list(range(count))
    for index, producer in enumerate(producers):
        later = list(range(producer + 1, count))
        readers = draw(st.lists(st.sampled_from(later), max_size=3, unique=True)) if later else []
        leaves = index == len(producers) - 1 or (producer != INPUT and not readers) or draw(st.integers(0, 9)) == 0
        size_bytes = draw(_SIZES)
        tensors.append(
            GraphTensor(
                name=f"t{index}",
                producer=producer,
                consumers=tuple(sorted(readers)),
                size_bytes=size_bytes,
                leaves=leaves,
            )
        )
    blocks = tuple(GraphBlock(name=f"b{index}", operations=()) for index in range(count))
    return BlockGraph(network="drawn", blocks=blocks, tensors=tuple(tensors))


@st.composite
def rules(draw: st.DrawFn) -> WireRule:
    """A raw wire or a codec with costs on both sides."""
    return WireRule(
        codec=draw(any_of("raw", "u8")),
        share=draw(any_of(1.0, 0.25)),
        envelope_bytes=draw(any_of(0.0, 200.0)),
        accuracy_loss=draw(any_of(0.0, 0.0, 0.02)),
        encode_s=draw(any_of(0.0, 0.001)),
        encode_s_per_byte=draw(any_of(0.0, 1e-8)),
        encode_w=draw(any_of(0.0, 2.0)),
        decode_s=draw(any_of(0.0, 0.0005)),
        decode_s_per_byte=draw(any_of(0.0, 1e-7)),
        decode_w=draw(any_of(0.0, 30.0)),
    )


_RULES = st.lists(rules(), min_size=1, max_size=2)


@st.composite
def dag_problems(draw: st.DrawFn, *, max_blocks: int = 8, max_points: int = 3) -> DagProblem:
    """Small whole problems: any SLO, either weight zero, links from bad to free."""
    graph = draw(graphs(max_blocks=max_blocks))
    edge_points, server_points = draw(st.integers(1, max_points)), draw(st.integers(1, max_points))
    return DagProblem(
        graph=graph,
        edge=Edge(
            points=tuple(
                EdgePoint(core_mhz=300.0 + index, memory_mhz=None, wait_w=draw(WATTS)) for index in range(edge_points)
            )
        ),
        server=Server(
            points=tuple(
                ServerPoint(core_mhz=500.0 + index, memory_mhz=None, idle_w=draw(WATTS))
                for index in range(server_points)
            )
        ),
        edge_blocks=_tables(draw, len(graph.blocks), edge_points),
        server_blocks=_tables(draw, len(graph.blocks), server_points),
        link=Link(
            uplink_bps=draw(any_of(1e6, 2e7, 1e8, 1e12)),
            downlink_bps=draw(any_of(1e7, 1e9)),
            rtt_s=draw(any_of(0.0, 0.002)),
            latency_std_s=draw(any_of(0.0, 0.001)),
            uplink_w=draw(any_of(0.0, 1.5)),
            downlink_w=draw(any_of(0.0, 1.0)),
        ),
        wires=tuple(draw(_RULES)),
        slo=Slo(
            latency_s=draw(_DEADLINES),
            quantile=draw(any_of(None, 0.9)),
            rate_hz=draw(_RATES),
        ),
        objective=Objective(
            edge_weight=draw(any_of(0.0, 1.0, 1.0)),
            server_weight=draw(any_of(0.0, 1.0, 0.3)),
            server_idle_share=draw(any_of(0.0, 0.3, 1.0)),
        ),
        max_accuracy_loss=draw(any_of(0.0, 0.05)),
    )


def _tables(draw: st.DrawFn, blocks: int, points: int) -> BlockTables:
    return BlockTables(
        time_s=drawn_table(draw, _SECONDS, blocks, points), busy_w=drawn_table(draw, _WATTS, blocks, points)
    )
