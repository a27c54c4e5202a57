"""Units are stretches between cuts, whole modules of the network, and named by the cuts at which requests enter."""

from __future__ import annotations

from itertools import pairwise

import pytest

from joulecut.service.units import line_graph, unit_bounds, unit_names
from joulecut_core.block_graphs import INPUT
from tests.runtime.quantised.small_networks import mixed_network
from tests.runtime.small_network import small_network


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_units_cover_the_network(most: int) -> None:
    """Every block is in one unit, there are no more than asked for, and none takes no time."""
    table = mixed_network().table
    times_s = tuple(1e-3 * (index % 3) for index in range(table.last))
    bounds = unit_bounds(table, times_s, most)
    assert (bounds[0], bounds[-1]) == (0, table.last)
    assert 1 <= len(bounds) - 1 <= most
    assert all(sum(times_s[first:last]) > 0 for first, last in pairwise(bounds))


def test_modules_with_a_skip_stay_whole() -> None:
    """No unit ends where a skip connection crosses beside it: one tensor enters each unit."""
    table = mixed_network().table
    bounds = unit_bounds(table, (1e-3,) * table.last, 8)
    assert len(bounds) > 2
    assert all(len(table.cuts[bound].tensors) == 1 for bound in bounds[:-1])


def test_the_line_of_blocks_carries_what_the_cuts_say() -> None:
    """Before each block exactly those tensors pass that cross its cut; the answer leaves."""
    for table in (mixed_network().table, small_network().table):
        graph = line_graph(table)
        assert [block.operations for block in graph.blocks] == [block.operations for block in table.blocks]
        for cut in table.cuts[1:-1]:
            passing = {
                each.name for each in graph.tensors if each.producer < cut.index and each.consumers[-1:] >= (cut.index,)
            }
            assert passing == {spec.name for spec in cut.tensors}
        assert {each.name for each in graph.tensors if each.producer == INPUT} == {each.name for each in table.inputs}
        assert {each.name for each in graph.tensors if each.leaves} == {each.name for each in table.outputs}


@pytest.mark.parametrize(
    ("bounds", "names"), [((0, 3), ("input to output",)), ((0, 1, 3), ("input to stem", "stem to output"))]
)
def test_units_are_named_by_their_cuts(bounds: tuple[int, ...], names: tuple[str, ...]) -> None:
    """Whoever knows the cut that a request crossed finds the unit that it enters at."""
    assert unit_names(small_network().table, bounds) == names
