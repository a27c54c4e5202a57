"""Minimum cuts: as small as any partition of the nodes, with a bound that is never above."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.closed_sets.flow_network import SINK, SOURCE, Arc, minimum_cut
from tests.thoroughness import examples


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[Arc]]:
    """Small networks with loops back, parallel arcs, empty and infinite ones (never from source to sink alone)."""
    nodes = draw(st.integers(2, 7))
    capacity = st.sampled_from([0.0, 1.0, 1e-9, 1e6]) | st.floats(0.0, 10.0)
    arcs = draw(st.lists(st.builds(Arc, st.integers(0, nodes - 1), st.integers(0, nodes - 1), capacity), max_size=14))
    inner = st.integers(2, max(nodes - 1, 2))
    if nodes > 3:
        arcs += draw(st.lists(st.builds(Arc, inner, inner, st.just(math.inf)), max_size=3))
    return nodes, [arc for arc in arcs if arc.tail != arc.head]


def capacity_of(arcs: list[Arc], source_side: frozenset[int]) -> float:
    """What a partition cuts."""
    return math.fsum(arc.capacity for arc in arcs if arc.tail in source_side and arc.head not in source_side)


@settings(max_examples=examples(150), deadline=None)
@given(network=networks())
def test_no_partition_is_smaller(network: tuple[int, list[Arc]]) -> None:
    """The cut found is the least of all, and the bound below it by rounding alone."""
    nodes, arcs = network
    sides = (
        frozenset({SOURCE, *(node for node, taken in enumerate(chosen, start=2) if taken)})
        for chosen in product((False, True), repeat=nodes - 2)
    )
    least = min(capacity_of(arcs, side) for side in sides)
    cut = minimum_cut(nodes, arcs)
    assert SOURCE in cut.source_side
    assert SINK not in cut.source_side
    total = math.fsum(arc.capacity for arc in arcs if math.isfinite(arc.capacity))
    assert capacity_of(arcs, cut.source_side) == pytest.approx(least, abs=1e-13 * total)
    assert cut.least <= least
    assert cut.least == pytest.approx(least, abs=1e-13 * total)


def test_a_path_that_must_be_taken_back() -> None:
    """The textbook's diamond: a first path through the middle is undone in part, or the flow is one too small."""
    arcs = [Arc(0, 2, 1.0), Arc(0, 3, 1.0), Arc(2, 3, 1.0), Arc(2, 1, 1.0), Arc(3, 1, 1.0)]
    cut = minimum_cut(4, arcs)
    assert capacity_of(arcs, cut.source_side) == 2.0
    assert cut.least == pytest.approx(2.0)


def test_long_paths() -> None:
    """A chain longer than the interpreter's stack is deep."""
    length = 5000
    arcs = [Arc(SOURCE, 2, 3.0), Arc(length, SINK, 4.0)]
    arcs += [Arc(node, node + 1, 2.0 if node == 1234 else 5.0) for node in range(2, length)]
    cut = minimum_cut(length + 1, arcs)
    assert cut.source_side == {SOURCE, *range(2, 1235)}
