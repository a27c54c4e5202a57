"""Listing closed sets: all, each once, and an honest refusal where there are too many."""

from __future__ import annotations

from hypothesis import given, settings

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_planner.closed_sets.enumeration import closed_sets, mask_of, members_of, prefixes
from tests.planner.closed_sets.brute_force import every_closed_set
from tests.planner.closed_sets.drawn_graphs import graphs
from tests.thoroughness import examples


def inception(modules: int, branches: int) -> BlockGraph:
    """Modules of parallel branches, each followed by a join."""
    width = branches + 1
    tensors = [
        GraphTensor(name="x", producer=INPUT, consumers=tuple(range(branches)), size_bytes=1),
    ]
    for module in range(modules):
        join = module * width + branches
        tensors += [
            GraphTensor(name=f"m{module}b{branch}", producer=module * width + branch, consumers=(join,), size_bytes=1)
            for branch in range(branches)
        ]
        last = module == modules - 1
        readers = () if last else tuple(range(join + 1, join + 1 + branches))
        tensors.append(GraphTensor(name=f"m{module}", producer=join, consumers=readers, size_bytes=1, leaves=last))
    return BlockGraph(
        network="inception",
        blocks=tuple(GraphBlock(name=f"b{index}", operations=()) for index in range(modules * width)),
        tensors=tuple(tensors),
    )


@settings(max_examples=examples(80), deadline=None)
@given(graph=graphs())
def test_every_closed_set_once(graph: BlockGraph) -> None:
    """The same sets as a filter over all subsets, from the empty one to the whole, and prefixes among them."""
    found = closed_sets(graph, most=1000)
    assert found is not None
    assert len(set(found)) == len(found)
    assert {members_of(mask) for mask in found} == set(every_closed_set(graph))
    assert found[0] == 0
    assert members_of(found[-1]) == graph.everything
    assert set(prefixes(graph)) <= set(found)
    assert all(mask_of(members_of(mask)) == mask for mask in found)


def test_modules_in_series_add_up() -> None:
    """Four branches and a join have 2^4 + 1 sets; fifty such modules 50 times 16 + 1, not 16 to the 50th."""
    found = closed_sets(inception(50, 4), most=1000)
    assert found is not None
    assert len(found) == 50 * 16 + 1


def test_too_many_are_not_listed() -> None:
    """Branches side by side multiply: beyond the limit there is no list, and no long wait for it."""
    graph = inception(1, 60)
    assert closed_sets(graph, most=5000) is None
    exactly = closed_sets(inception(1, 4), most=17)
    assert exactly is not None
    assert closed_sets(inception(1, 4), most=16) is None
