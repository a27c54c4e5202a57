"""Neighbouring closed sets: a block joins or leaves, with no more company than it needs."""

from __future__ import annotations

from hypothesis import given, settings

from joulecut_core.block_graphs import BlockGraph
from joulecut_planner.closed_sets.enumeration import mask_of, members_of
from joulecut_planner.closed_sets.neighbours import Neighbours
from tests.planner.closed_sets.brute_force import every_closed_set
from tests.planner.closed_sets.drawn_graphs import graphs
from tests.thoroughness import examples


@settings(max_examples=examples(60), deadline=None)
@given(graph=graphs(max_blocks=6))
def test_the_least_change_that_is_closed(graph: BlockGraph) -> None:
    """For each block: the smallest closed set above that holds it, or the largest below that does not."""
    sets, neighbours = every_closed_set(graph), Neighbours(graph)
    for inside in sets:
        expected = set()
        for block in graph.everything:
            if block in inside:
                expected.add(max((other for other in sets if other <= inside - {block}), key=len))
            else:
                expected.add(min((other for other in sets if other >= inside | {block}), key=len))
        assert {members_of(mask) for mask in neighbours.of(mask_of(inside))} == expected
