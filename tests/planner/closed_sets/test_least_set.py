"""The least closed set is a minimum cut: equal to trying them all, for costs of any sign."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.block_graphs import BlockGraph
from joulecut_planner.closed_sets.enumeration import members_of
from joulecut_planner.closed_sets.least_set import SetCutter
from joulecut_planner.closed_sets.linear_costs import LinearCost
from tests.planner.closed_sets.brute_force import crossing_bytes, every_closed_set
from tests.planner.closed_sets.drawn_graphs import graphs
from tests.thoroughness import examples

COSTS = st.sampled_from([0.0, 1.0, -1.0]) | st.floats(-5.0, 5.0)


def value(cost: LinearCost, graph: BlockGraph, inside: frozenset[int]) -> float:
    """What an offloaded set costs, added up block by block."""
    blocks = sum(float((cost.edge if b in inside else cost.server)[b]) for b in range(len(graph.blocks)))
    return blocks + cost.per_byte * crossing_bytes(graph, inside) + cost.constant


@settings(max_examples=examples(150), deadline=None)
@given(graph=graphs(), data=st.data(), per_byte=st.sampled_from([0.0, 1e-6, 1e-4, -1e-5]))
def test_no_closed_set_costs_less(graph: BlockGraph, data: st.DataObject, per_byte: float) -> None:
    """The bound is below every offloaded set; the set is closed, and attains it unless sending is a reward."""
    count = len(graph.blocks)
    edge, server = (np.array(data.draw(st.lists(COSTS, min_size=count, max_size=count))) for _ in range(2))
    cost = LinearCost(edge, server, per_byte, 0.25)
    found = SetCutter(graph).least(cost)
    inside = members_of(found.mask)
    assert graph.is_closed(inside)
    offloaded = [subset for subset in every_closed_set(graph) if subset != graph.everything]
    assert all(found.least <= value(cost, graph, subset) + 1e-12 for subset in offloaded)
    if per_byte >= 0 and inside != graph.everything:
        assert value(cost, graph, inside) == pytest.approx(found.least, abs=1e-9)
        assert value(cost, graph, inside) <= min(value(cost, graph, subset) for subset in offloaded) + 1e-9
