"""The closed set of least cost, where cost is a sum over blocks and crossing bytes: a minimum cut.

    source = edge        source -> block: what the server asks for the block       (cut where the server runs it)
    sink = server        block -> sink:   what the edge asks for the block         (cut where the edge runs it)
                         block -> each block it depends on: infinite               (the edge's set is closed)
                         producer -> tensor: what sending it costs; tensor -> each reader: infinite

A tensor with many readers is thus paid for once, whoever of them the server runs. Source: Hu, Bao, Wang, Liu,
Dynamic adaptive DNN surgery for inference acceleration on the edge, INFOCOM 2019, section IV (for delays).

The whole network, with its answer sent to the server, counts as a set here, which only makes the bound lower than
need be. Inputs that no block reads are sent with the empty set alone, which no arc can say: where they matter, the
empty set is compared with the least set that holds a first block, for each of these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_core.block_graphs import INPUT, BlockGraph
from joulecut_planner.closed_sets.flow_network import SINK, SOURCE, Arc, minimum_cut
from joulecut_planner.closed_sets.linear_costs import LinearCost

_FIRST_BLOCK = 2

_ROUNDING = 1e-14
"""Relative to the terms: what adding them up in floating point may be off."""


@dataclass(frozen=True, slots=True)
class LeastSet:
    """A closed set (bit mask) of least cost, and a proved lower bound on the cost of every offloaded closed set."""

    mask: int
    least: float


class SetCutter:
    """Finds least sets of one graph, for any costs."""

    def __init__(self, graph: BlockGraph) -> None:
        self._blocks = len(graph.blocks)
        self._held: list[Arc] = []
        """Arcs that no cost changes."""
        self._sent: list[tuple[int, int, int]] = []
        """Tail, head and bytes of the arcs that stand for crossing tensors."""
        self._always_bytes = 0
        self._unread_bytes = sum(
            tensor.size_bytes
            for tensor in graph.tensors
            if tensor.producer == INPUT and not tensor.consumers and not tensor.leaves
        )
        self._roots = [block for block, before in enumerate(graph.dependencies()) if not before]
        for block, before in enumerate(graph.dependencies()):
            self._held += [Arc(_FIRST_BLOCK + block, _FIRST_BLOCK + other, math.inf) for other in sorted(before)]
        nodes = _FIRST_BLOCK + self._blocks
        for tensor in graph.tensors:
            tail = SOURCE if tensor.producer == INPUT else _FIRST_BLOCK + tensor.producer
            readers = [SINK] if tensor.leaves else [_FIRST_BLOCK + block for block in tensor.consumers]
            if tail == SOURCE and tensor.leaves:
                self._always_bytes += tensor.size_bytes
            elif len(readers) == 1:
                self._sent.append((tail, readers[0], tensor.size_bytes))
            elif readers:
                self._sent.append((tail, nodes, tensor.size_bytes))
                self._held += [Arc(nodes, reader, math.inf) for reader in readers]
                nodes += 1
        self._nodes = nodes
        self._most_bytes = sum(tensor.size_bytes for tensor in graph.tensors)

    def least(self, cost: LinearCost) -> LeastSet:
        """The set of least `cost`, whose terms may be of any sign, and the bound."""
        found = self._cut(cost, [])
        unread = max(cost.per_byte, 0.0) * self._unread_bytes
        if found.mask or not unread:
            return found
        others = [self._cut(cost, [Arc(SOURCE, _FIRST_BLOCK + root, math.inf)]) for root in self._roots]
        return min(LeastSet(mask=0, least=found.least + unread), *others, key=lambda other: other.least)

    def _cut(self, cost: LinearCost, forced: list[Arc]) -> LeastSet:
        # Sending for a reward is no minimum cut: reward every tensor instead, which bounds from below.
        per_byte = max(cost.per_byte, 0.0)
        given = cost.constant + (cost.per_byte - per_byte) * self._most_bytes + per_byte * self._always_bytes
        arcs = [*self._held, *forced]
        for block, surplus in enumerate((cost.server - cost.edge).tolist()):
            if surplus > 0.0:
                arcs.append(Arc(SOURCE, _FIRST_BLOCK + block, surplus))
            elif surplus < 0.0:
                arcs.append(Arc(_FIRST_BLOCK + block, SINK, -surplus))
        arcs += [Arc(tail, head, per_byte * size) for tail, head, size in self._sent]
        cut = minimum_cut(self._nodes, arcs)
        mask = sum(1 << block for block in range(self._blocks) if _FIRST_BLOCK + block in cut.source_side)
        terms = (given, *np.minimum(cost.edge, cost.server).tolist(), cut.least)
        return LeastSet(mask=mask, least=math.fsum(terms) - _ROUNDING * math.fsum(map(abs, terms)))
