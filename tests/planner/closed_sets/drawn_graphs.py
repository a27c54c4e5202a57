"""Random graphs of blocks and problems on them, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.problems import Edge, EdgePoint, Link, Objective, Server, ServerPoint, Slo, Table
from joulecut_planner.closed_sets import BlockTables, DagProblem, WireRule

SECONDS = st.one_of(st.sampled_from([0.0, 0.001, 0.01]), st.floats(0.0, 0.03))
WATTS = st.one_of(st.sampled_from([0.0, 2.0, 10.0]), st.floats(0.0, 40.0))


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
        size_bytes = draw(st.sampled_from([0, 1000, 20_000, 150_000]) | st.integers(0, 200_000))
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
        codec=draw(st.sampled_from(["raw", "u8"])),
        share=draw(st.sampled_from([1.0, 0.25])),
        envelope_bytes=draw(st.sampled_from([0.0, 200.0])),
        accuracy_loss=draw(st.sampled_from([0.0, 0.0, 0.02])),
        encode_s=draw(st.sampled_from([0.0, 0.001])),
        encode_s_per_byte=draw(st.sampled_from([0.0, 1e-8])),
        encode_w=draw(st.sampled_from([0.0, 2.0])),
        decode_s=draw(st.sampled_from([0.0, 0.0005])),
        decode_s_per_byte=draw(st.sampled_from([0.0, 1e-7])),
        decode_w=draw(st.sampled_from([0.0, 30.0])),
    )


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
            uplink_bps=draw(st.sampled_from([1e6, 2e7, 1e8, 1e12])),
            downlink_bps=draw(st.sampled_from([1e7, 1e9])),
            rtt_s=draw(st.sampled_from([0.0, 0.002])),
            latency_std_s=draw(st.sampled_from([0.0, 0.001])),
            uplink_w=draw(st.sampled_from([0.0, 1.5])),
            downlink_w=draw(st.sampled_from([0.0, 1.0])),
        ),
        wires=tuple(draw(st.lists(rules(), min_size=1, max_size=2))),
        slo=Slo(
            latency_s=draw(st.none() | st.floats(0.005, 0.15)),
            quantile=draw(st.sampled_from([None, 0.9])),
            rate_hz=draw(st.none() | st.floats(3.0, 100.0)),
        ),
        objective=Objective(
            edge_weight=draw(st.sampled_from([0.0, 1.0, 1.0])),
            server_weight=draw(st.sampled_from([0.0, 1.0, 0.3])),
            server_idle_share=draw(st.sampled_from([0.0, 0.3, 1.0])),
        ),
        max_accuracy_loss=draw(st.sampled_from([0.0, 0.05])),
    )


def _tables(draw: st.DrawFn, blocks: int, points: int) -> BlockTables:
    def table(values: st.SearchStrategy[float]) -> Table:
        return tuple(tuple(draw(values) for _ in range(points)) for _ in range(blocks))

    return BlockTables(time_s=table(SECONDS), busy_w=table(WATTS))
