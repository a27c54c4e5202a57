"""From a captured network to its graph of blocks: as few as keep every cut that is worth considering.

Operators become one block where nothing is lost by it:

- A chain (each reads the one before and nobody else does) is cut only where fewer bytes cross than at any
  place before in it, or than at both neighbours; within a plateau after its last operator that is not a view.
- An element-wise operator that joins branches goes with the last branch that only it reads.
- What makes and what reads a tensor that shares its memory or leaves gaps in it stay together: such a tensor
  must not cross (see `joulecut_runtime.networks.cutting`).
- Blocks that would come to depend on each other become one.

No block reaches over a candidate cut of the network's line, so every candidate is a closed set. The exception
is a network whose answer shares its memory with something else: whoever makes that answer runs last, at once
with the other answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.workloads import OperationKind
from joulecut_runtime.networks.cut_table import graph_operations
from joulecut_runtime.networks.cutting import candidates, dense_bytes
from joulecut_runtime.networks.graph import Graph, node_values
from joulecut_runtime.networks.shapes import Tour, walk


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedGraph:
    """A graph's blocks, and for each the positions of its nodes, ascending."""

    blocks: BlockGraph
    positions: tuple[tuple[int, ...], ...]


def block_graph(graph: Graph, tour: Tour | None = None) -> BlockedGraph:
    """The blocks of a captured network, with the work and bytes that its cut table counts.

    `tour` spares walking the graph again. Blocks run in the order of the capture as far as they can.
    """
    tour = tour or walk(graph)
    wiring = _Wiring.of(graph)
    groups = _Groups(len(graph.nodes))
    _keep_unsendable_inside(tour, wiring, groups)
    _merge_chains(graph, tour, wiring, groups)
    _merge_joins(graph, tour, wiring, groups)
    positions = _ordered(_acyclic(groups.labels(), wiring), wiring)
    return BlockedGraph(blocks=_described(graph, tour, wiring, positions), positions=positions)


@dataclass(frozen=True, slots=True)
class _Wiring:
    """Who makes and who reads each value, as node positions; values the network was given have no maker."""

    maker: Mapping[str, int]
    readers: Mapping[str, tuple[int, ...]]
    reads: tuple[tuple[str, ...], ...]
    outputs: frozenset[str]

    @classmethod
    def of(cls, graph: Graph) -> _Wiring:
        readers: dict[str, list[int]] = {name: [] for name in graph.value_specs()}
        reads = tuple(tuple(dict.fromkeys(node_values(node))) for node in graph.nodes)
        for position, names in enumerate(reads):
            for name in names:
                readers[name].append(position)
        return cls(
            maker={node.name: position for position, node in enumerate(graph.nodes)},
            readers={name: tuple(found) for name, found in readers.items()},
            reads=reads,
            outputs=frozenset(graph.outputs),
        )

    def only_reader(self, name: str) -> int | None:
        """The one node that reads a value which is no answer; None where there is another use or none."""
        readers = self.readers[name]
        return readers[0] if len(readers) == 1 and name not in self.outputs else None


class _Groups:
    """Node positions put together step by step."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def merge(self, members: Sequence[int]) -> None:
        for member in members[1:]:
            self._parent[self._root(member)] = self._root(members[0])

    def labels(self) -> list[int]:
        return [self._root(member) for member in range(len(self._parent))]

    def _root(self, member: int) -> int:
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member


def _keep_unsendable_inside(tour: Tour, wiring: _Wiring, groups: _Groups) -> None:
    ends = [position for name, position in wiring.maker.items() if not wiring.readers[name]]
    for name, position in wiring.maker.items():
        if not tour.layouts[name].packed:
            groups.merge((position, *wiring.readers[name]))
            if name in wiring.outputs:
                groups.merge((position, *ends))


def _merge_chains(graph: Graph, tour: Tour, wiring: _Wiring, groups: _Groups) -> None:
    bounds = {crossing.position for crossing in candidates(graph, tour)}
    specs = graph.value_specs()
    for chain in _chains(wiring, bounds):
        given = sum(dense_bytes(specs[name]) for name in wiring.reads[chain[0]])
        sizes = [dense_bytes(graph.nodes[position].output) for position in chain]
        is_view = [tour.operators[graph.nodes[position].name].kind is OperationKind.VIEW for position in chain]
        start = 0
        for end in (*_chain_ends(given, sizes, is_view), len(chain) - 1):
            groups.merge(chain[start : end + 1])
            start = end + 1


def _chains(wiring: _Wiring, bounds: set[int]) -> list[list[int]]:
    """The graph as maximal chains within the stretches between `bounds`; every node is in one."""
    chain_of: dict[int, list[int]] = {}
    chains: list[list[int]] = []
    for position, names in enumerate(wiring.reads):
        before = wiring.maker.get(names[0]) if len(names) == 1 else None
        linked = (
            before is not None
            and wiring.only_reader(names[0]) == position
            and not any(before < bound <= position for bound in bounds)
        )
        if linked and before is not None:
            chain_of[position] = chain_of[before]
            chain_of[position].append(position)
        else:
            chain_of[position] = [position]
            chains.append(chain_of[position])
    return chains


def _chain_ends(given: int, sizes: Sequence[int], is_view: Sequence[bool]) -> list[int]:
    """Indices into a chain after which it is worth cutting, its last left out; `given` bytes come into it."""
    plateaus: list[tuple[int, int]] = []
    for index, size in enumerate(sizes):
        if plateaus and plateaus[-1][1] == size:
            if not is_view[index]:
                plateaus[-1] = (index, size)
        else:
            plateaus.append((index, size))
    kept: list[int] = []
    least, before = given, given
    for (index, size), (_, after) in pairwise(plateaus):
        if size < least or before > size < after:
            kept.append(index)
            least = min(least, size)
        before = size
    return kept


def _merge_joins(graph: Graph, tour: Tour, wiring: _Wiring, groups: _Groups) -> None:
    bounds = [crossing.position for crossing in candidates(graph, tour)]
    for position, node in enumerate(graph.nodes):
        if len(wiring.reads[position]) < 2 or tour.operators[node.name].kind is not OperationKind.ELEMENTWISE:
            continue
        stretch = max(bound for bound in bounds if bound <= position)
        branches = [
            maker
            for name in wiring.reads[position]
            if (maker := wiring.maker.get(name, INPUT)) >= stretch
            and wiring.only_reader(name) == position
            and dense_bytes(graph.nodes[maker].output) >= dense_bytes(node.output)
        ]
        if branches:
            groups.merge((max(branches), position))


def _acyclic(labels: Sequence[int], wiring: _Wiring) -> list[list[int]]:
    """Groups of node positions after those that depend on each other became one."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - scipy takes long to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    edges = [
        (labels[wiring.maker[name]], labels[position])
        for position, names in enumerate(wiring.reads)
        for name in names
        if name in wiring.maker
    ]
    count = len(labels)
    rows, columns = np.array(edges, dtype=np.int32).reshape(-1, 2).T
    matrix = coo_array((np.ones(len(edges)), (rows, columns)), shape=(count, count)).tocsr()
    _, component = connected_components(matrix, directed=True, connection="strong")
    members: dict[int, list[int]] = {}
    for position, label in enumerate(labels):
        members.setdefault(int(component[label]), []).append(position)
    return list(members.values())


def _ordered(groups: Sequence[Sequence[int]], wiring: _Wiring) -> tuple[tuple[int, ...], ...]:
    """The groups in an order in which they can run: among those that can, the one that ends first in the capture."""
    group_of = {position: group for group, members in enumerate(groups) for position in members}
    after: list[set[int]] = [set() for _ in groups]
    waiting = [0] * len(groups)
    for position, names in enumerate(wiring.reads):
        for name in names:
            if name in wiring.maker:
                source, target = group_of[wiring.maker[name]], group_of[position]
                if source != target and target not in after[source]:
                    after[source].add(target)
                    waiting[target] += 1
    ready: list[tuple[int, int]] = []
    for group, members in enumerate(groups):
        if not waiting[group]:
            heappush(ready, (max(members), group))
    ordered: list[tuple[int, ...]] = []
    while ready:
        _, group = heappop(ready)
        ordered.append(tuple(sorted(groups[group])))
        for target in after[group]:
            waiting[target] -= 1
            if not waiting[target]:
                heappush(ready, (max(groups[target]), target))
    return tuple(ordered)


def _described(graph: Graph, tour: Tour, wiring: _Wiring, positions: Sequence[Sequence[int]]) -> BlockGraph:
    operations = graph_operations(graph, tour)
    block_of = {position: block for block, members in enumerate(positions) for position in members}
    tensors: list[GraphTensor] = []
    for name, spec in graph.value_specs().items():
        producer = block_of[wiring.maker[name]] if name in wiring.maker else INPUT
        consumers = {block_of[reader] for reader in wiring.readers[name]} - {producer}
        if consumers or name in wiring.outputs or producer == INPUT:
            tensors.append(
                GraphTensor(
                    name=name,
                    producer=producer,
                    consumers=tuple(sorted(consumers)),
                    size_bytes=spec.size_bytes,
                    leaves=name in wiring.outputs,
                )
            )
    return BlockGraph(
        network=graph.name,
        blocks=tuple(
            GraphBlock(name=name, operations=tuple(operations[position] for position in members))
            for name, members in zip(_names(graph, positions), positions, strict=True)
        ),
        tensors=tuple(tensors),
    )


def _names(graph: Graph, positions: Sequence[Sequence[int]]) -> list[str]:
    """For each block the module that it is, else the last one that it alone works for, else its last operator."""
    workers: dict[str, set[int]] = {}
    for block, members in enumerate(positions):
        for position in members:
            parts = graph.nodes[position].module.split(".")
            for length in range(1, len(parts) + 1):
                workers.setdefault(".".join(parts[:length]), set()).add(block)
    names: list[str] = []
    for block, members in enumerate(positions):
        modules = [graph.nodes[position].module for position in members]
        own = (path for path in (_shared_module(modules), *reversed(modules)) if path and workers[path] == {block})
        names.append(next(own, f"{modules[-1]}.{graph.nodes[members[-1]].name}".removeprefix(".")))
    return [
        name if names.count(name) == 1 else f"{name}#{names[:index].count(name)}" for index, name in enumerate(names)
    ]


def _shared_module(paths: Sequence[str]) -> str:
    shared: list[str] = []
    for parts in zip(*(path.split(".") for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)
