"""Closed sets as cuts of an ordinary problem: names, bytes and tables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from joulecut_core.block_graphs import BlockGraph
from joulecut_planner.closed_sets.cut_problem import cut_problem, membership, raw_bytes
from joulecut_planner.closed_sets.dag_problem import DagProblem
from joulecut_planner.closed_sets.enumeration import closed_sets, members_of
from tests.planner.closed_sets.drawn_graphs import dag_problems, graphs
from tests.thoroughness import examples


@settings(max_examples=examples(100), deadline=None)
@given(graph=graphs())
def test_bytes_are_those_of_the_crossing_tensors(graph: BlockGraph) -> None:
    """What the table says a set sends is what the graph says crosses."""
    masks = closed_sets(graph, most=1000)
    assert masks is not None
    sizes = raw_bytes(graph, membership(masks, len(graph.blocks)))
    for mask, size_bytes in zip(masks, sizes.tolist(), strict=True):
        assert size_bytes == sum(tensor.size_bytes for tensor in graph.crossing(members_of(mask)))


@settings(max_examples=examples(50), deadline=None)
@given(problem=dag_problems(max_blocks=6, max_points=2))
def test_parts_take_and_draw_what_their_blocks_do(problem: DagProblem) -> None:
    """At each point both parts together take the time and the joules of all blocks, split as the set says."""
    masks = closed_sets(problem.graph, most=1000)
    assert masks is not None
    cuts = cut_problem(problem, masks)
    (variant,) = cuts.variants
    for side, tables, chosen in (
        (variant.edge, problem.edge_blocks, True),
        (variant.server, problem.server_blocks, False),
    ):
        for c, mask in enumerate(masks):
            inside = members_of(mask)
            part = [b for b in range(len(problem.graph.blocks)) if (b in inside) == chosen]
            for k in range(len(tables.time_s[0])):
                time_s = sum(tables.time_s[b][k] for b in part)
                energy_j = sum(tables.time_s[b][k] * tables.busy_w[b][k] for b in part)
                assert side.time_s[c][k] == pytest.approx(time_s, abs=1e-12)
                assert side.time_s[c][k] * side.busy_w[c][k] == pytest.approx(energy_j, abs=1e-12)


def test_names_say_where_a_set_ends() -> None:
    """A set is called after its last blocks; the ends as everywhere in joulecut."""
    from tests.planner.closed_sets.test_solver import fork  # noqa: PLC0415 - its graph alone is of interest here

    problem = fork()
    masks = (0, 0b00001, 0b00101, 0b00111, 0b01111, 0b11111)
    names = [cut.name for cut in cut_problem(problem, masks).cuts]
    assert names == ["input", "shrink0", "shrink0 + shrink1", "widen0 + shrink1", "widen0 + widen1", "output"]
