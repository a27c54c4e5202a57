"""Optimisation units follow the network's modules, and are never too short for a change of the clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.workloads import Operation, OperationKind
from joulecut_planner.serving.units import optimisation_units
from tests.thoroughness import examples

_CONVOLUTION, _MATMUL = OperationKind.CONVOLUTION, OperationKind.MATMUL
_LIGHT = OperationKind.ELEMENTWISE


def _graph(kinds: list[tuple[OperationKind, float]], edges: list[tuple[int, int]]) -> BlockGraph:
    """One operation to a block; `edges` lead from producer to consumer."""
    count = len(kinds)
    readers: dict[int, list[int]] = {producer: [] for producer in range(INPUT, count)}
    for producer, consumer in edges:
        readers[producer].append(consumer)
    return BlockGraph(
        network="made up",
        blocks=tuple(
            GraphBlock(name=f"b{i}", operations=(Operation(kind=kind, flops=flops, size_bytes=1.0),))
            for i, (kind, flops) in enumerate(kinds)
        ),
        tensors=tuple(
            GraphTensor(
                name=f"t{producer}",
                producer=producer,
                consumers=tuple(sorted(consumers)),
                size_bytes=1,
                leaves=producer == count - 1,
            )
            for producer, consumers in readers.items()
        ),
    )


def _line(kinds: list[tuple[OperationKind, float]], skips: list[tuple[int, int]] | None = None) -> BlockGraph:
    return _graph(kinds, [(i - 1, i) for i in range(len(kinds))] + (skips or []))


def test_a_convolution_keeps_its_neighbours() -> None:
    """Normalisation, activation and pooling run at the clock of the convolution before them; a cast before the first
    one at its own."""
    light = (_LIGHT, 1.0)
    kinds = [light, (_CONVOLUTION, 9.0), light, light, (_CONVOLUTION, 7.0), light, (_MATMUL, 5.0)]
    assert optimisation_units(_line(kinds), [1.0] * 7, switch_s=0.0) == (0, 4, 6, 7)


def test_a_residual_module_is_one_unit() -> None:
    """A skip connection holds its module together: at no place inside does a single tensor pass on."""
    stem = [(_CONVOLUTION, 1.0), (_LIGHT, 1.0)]
    module = [(_CONVOLUTION, 9.0), (_LIGHT, 1.0), (_CONVOLUTION, 9.0), (_LIGHT, 1.0)]
    graph = _line([*stem, *module, *module, (_MATMUL, 3.0)], [(1, 5), (5, 9)])
    assert optimisation_units(graph, [1.0] * 11, switch_s=0.0) == (0, 2, 6, 10, 11)


def test_an_inception_module_is_one_unit() -> None:
    """Branches that run side by side stay in the unit of the block that joins them."""
    kinds = [(_CONVOLUTION, 1.0), (_CONVOLUTION, 2.0), (_CONVOLUTION, 3.0), (_CONVOLUTION, 4.0), (_LIGHT, 1.0)]
    edges = [(INPUT, 0), (0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4), (4, 5)]
    graph = _graph([*kinds, (_MATMUL, 8.0)], edges)
    assert optimisation_units(graph, [1.0] * 6, switch_s=0.0) == (0, 1, 5, 6)


def test_a_transformer_layer_is_one_unit() -> None:
    """Attention and feed-forward, each with its own skip, repeat as a pair: the pair is the layer."""
    layer = [(_MATMUL, 4.0), (_MATMUL, 2.0), (_LIGHT, 1.0), (_MATMUL, 8.0), (_LIGHT, 1.0)]
    skips = [edge for at in (0, 5, 10) for edge in ((at, at + 3), (at + 3, at + 5))]
    graph = _line([(_LIGHT, 1.0), *layer, *layer, *layer, (_MATMUL, 1.0)], skips)
    assert optimisation_units(graph, [1.0] * 17, switch_s=0.0) == (0, 6, 11, 16, 17)


def test_alike_modules_in_a_row_stay_apart() -> None:
    """A row of equal residual modules is not taken for a pattern of two: each may have its clock."""
    module = [(_CONVOLUTION, 9.0), (_CONVOLUTION, 9.0), (_LIGHT, 1.0)]
    graph = _line([(_CONVOLUTION, 1.0), *module * 4], [(0, 3), (3, 6), (6, 9), (9, 12)])
    assert optimisation_units(graph, [1.0] * 13, switch_s=0.0) == (0, 1, 4, 7, 10, 13)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([_CONVOLUTION, _LIGHT, _MATMUL]), st.sampled_from([1.0, 2.0])), min_size=1),
    st.data(),
)
def test_units_cover_the_network_and_outlast_changes(
    kinds: list[tuple[OperationKind, float]], data: st.DataObject
) -> None:
    """Every block is in one unit; none is shorter than asked for, or there is but one; no more than asked for."""
    times_s = data.draw(st.lists(st.floats(0.0, 1e-2), min_size=len(kinds), max_size=len(kinds)))
    switch_s, most = data.draw(st.floats(0.0, 1e-3)), data.draw(st.sampled_from([None, 1, 3]))
    bounds = optimisation_units(_line(kinds), times_s, switch_s=switch_s, least_switches=4.0, most=most)
    assert bounds[0] == 0
    assert bounds[-1] == len(kinds)
    assert all(first < last for first, last in pairwise(bounds))
    lengths_s = [sum(times_s[first:last]) for first, last in pairwise(bounds)]
    assert len(lengths_s) == 1 or min(lengths_s) >= 4.0 * switch_s * (1.0 - 1e-9)
    assert most is None or len(lengths_s) <= most


def test_times_have_to_be_the_blocks() -> None:
    """A list that does not fit the network is refused instead of cut short."""
    graph = _line([(_CONVOLUTION, 1.0), (_CONVOLUTION, 1.0)])
    for times_s in ([1.0], [1.0, -1.0], [1.0, float("nan")]):
        with pytest.raises(ValueError, match="times_s"):
            optimisation_units(graph, times_s, switch_s=0.0)
    with pytest.raises(ValueError, match="most"):
        optimisation_units(graph, [1.0, 1.0], switch_s=0.0, most=0)
