"""From capture to a graph of blocks: branches stay free, chains shrink to what is worth cutting, nothing is lost."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from joulecut_core.block_graphs import INPUT
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.block_graph import BlockedGraph, block_graph
from joulecut_runtime.networks.cut_table import graph_operations
from joulecut_runtime.networks.cutting import candidates, crossings
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.shapes import walk
from tests.networks.branching import Branching, Residual, Sideways
from tests.networks.small_modules import ChannelsLast, Skips
from tests.networks.zoo import captured_smaller


@cache
def captured(name: str) -> Graph:
    """One of the networks below, captured once."""
    torch.manual_seed(3)
    picture = torch.randn(1, 3, 16, 16)
    small: dict[str, tuple[nn.Module, list[torch.Tensor]]] = {
        "branching": (Branching(), [picture]),
        "residual": (Residual(), [picture]),
        "sideways": (Sideways(), [torch.randn(2, 6)]),
        "channels_last": (ChannelsLast(), [picture]),
        "skips": (Skips(), [picture, torch.randn(1, 5)]),
        "chain": (nn.Sequential(*(nn.Linear(size, 32 - size) for size in (8, 24, 8, 24, 8, 24))), [torch.randn(1, 8)]),
    }
    if name in small:
        module, inputs = small[name]
        return capture(module.eval(), inputs, name=name)
    return captured_smaller(name)


@cache
def blocked(name: str) -> BlockedGraph:
    """Its blocks."""
    return block_graph(captured(name))


SMALL = ("branching", "residual", "sideways", "channels_last", "skips", "chain")
ALL = (*SMALL, "googlenet", "resnet50")


def named(name: str) -> dict[str, set[str]]:
    """For each block the names of the blocks it reads."""
    blocks = blocked(name).blocks
    return {
        block.name: {blocks.blocks[other].name for other in before}
        for block, before in zip(blocks.blocks, blocks.dependencies(), strict=True)
    }


@pytest.mark.parametrize("name", ALL)
def test_every_operator_is_in_one_block(name: str) -> None:
    """Nodes are shared out without rest, and a block's work is that which the cut table counts for them."""
    graph, found = captured(name), blocked(name)
    positions = [position for members in found.positions for position in members]
    assert sorted(positions) == list(range(len(graph.nodes)))
    operations = graph_operations(graph, walk(graph))
    for block, members in zip(found.blocks.blocks, found.positions, strict=True):
        assert block.operations == tuple(operations[position] for position in members)


@pytest.mark.parametrize("name", ALL)
def test_prefixes_of_blocks_cross_what_their_nodes_do(name: str) -> None:
    """The graph of blocks says of each of its prefixes what liveness says of the same nodes, to the byte."""
    graph, found = captured(name), blocked(name)
    taken: frozenset[int] = frozenset()
    nodes: set[int] = set()
    everywhere = {crossing.position: crossing for crossing in crossings(graph)}
    for block, members in enumerate(found.positions):
        taken |= {block}
        nodes |= set(members)
        if nodes == set(range(len(nodes))):
            crossing = found.blocks.crossing(taken)
            expected = everywhere[len(nodes)].values
            assert {tensor.name for tensor in crossing} == {spec.name for spec in expected}
            assert sum(tensor.size_bytes for tensor in crossing) == sum(spec.size_bytes for spec in expected)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"sideways"}))
def test_candidate_cuts_are_prefixes_of_blocks(name: str) -> None:
    """No block reaches over a cut of the line, so planning over closed sets is never behind planning over cuts."""
    graph, found = captured(name), blocked(name)
    prefixes = set()
    nodes: set[int] = set()
    for members in ((), *found.positions):
        nodes |= set(members)
        prefixes.add(frozenset(nodes))
    for crossing in candidates(graph, walk(graph)):
        assert frozenset(range(crossing.position)) in prefixes


@pytest.mark.parametrize("name", ALL)
def test_what_may_cross_lies_packed(name: str) -> None:
    """A tensor that shares its memory or leaves gaps never passes between blocks; as an answer, only at the end."""
    layouts, blocks = walk(captured(name)).layouts, blocked(name).blocks
    for tensor in blocks.tensors:
        if not layouts[tensor.name].packed:
            assert not tensor.consumers
            before = blocks.dependencies()
            needed = {tensor.producer}
            for block in range(tensor.producer, -1, -1):
                if block in needed:
                    needed |= before[block]
            assert needed == blocks.everything


def test_branches_stay_free_and_are_cut_where_narrow() -> None:
    """Each branch is a block of its own, in two pieces where it narrows; the pooled one shrinks at its end alone."""
    graph = named("branching")
    assert graph["left.shrink"] == graph["right.shrink"] == graph["pooled"] == {"stem"}
    assert graph["left.widen"] == {"left.shrink"}
    assert graph["right.widen"] == {"right.shrink"}
    joins = [name for name, before in graph.items() if {"left.widen", "right.widen", "pooled"} <= before]
    assert len(joins) == 1
    answers = [tensor for tensor in blocked("branching").blocks.tensors if tensor.leaves]
    assert len(answers) == 2


def test_a_sum_goes_with_its_last_branch() -> None:
    """A skip's sum is no block: cutting before it would send both tensors where one does."""
    assert named("residual")["skip"] == {"second"}
    summed = next(tensor for tensor in blocked("residual").blocks.tensors if tensor.producer == 1)
    assert summed.size_bytes == 8 * 16 * 16 * 4
    assert named("residual")["columns"] >= {"rows"}


def test_a_chain_is_a_line() -> None:
    """Without branches each block reads the one before, and cuts stand where a layer narrows."""
    blocks = blocked("chain").blocks
    assert [sorted(before) for before in blocks.dependencies()] == [
        [],
        *([index] for index in range(len(blocks.blocks) - 1)),
    ]
    assert {tensor.size_bytes for tensor in blocks.tensors if tensor.producer != INPUT and not tensor.leaves} == {32}


def test_googlenet_modules() -> None:
    """Nine modules of four branches, two of them in two pieces; far fewer blocks than operators."""
    found = blocked("googlenet")
    reads = named("googlenet")
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        branches = {name: before for name, before in reads.items() if name.startswith(f"inception{module}.branch")}
        assert len(branches) == 6
        starts = {frozenset(before) for name, before in branches.items() if not name.endswith(".1")}
        assert len(starts) == 1
    assert len(found.blocks.blocks) < len(captured("googlenet").nodes) / 2


def test_names_are_modules() -> None:
    """A block is called after the module that it is, and no two alike."""
    names = list(named("googlenet"))
    assert len(set(names)) == len(names)
    assert {"conv2", "inception3a.branch1", "inception5b.branch2.0"} <= set(names)
