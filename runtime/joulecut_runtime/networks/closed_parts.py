"""The two parts of a network for any closed set of its blocks, prefix of the captured order or not.

A closed set is the prefix of another order of the same operators, in which they run just as well. So the
graph is put into that order and cut there as any other: the same operators on the same memory layouts,
hence the same answer to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.block_graphs import BlockGraph
from joulecut_core.networks import TensorSpec
from joulecut_core.workloads import Workload
from joulecut_runtime.networks.block_graph import BlockedGraph
from joulecut_runtime.networks.cutting import crossing_at
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.parts import Part, compile_nodes
from joulecut_runtime.networks.shapes import Tour, walk


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedParts:
    """The edge's part, the server's, and the tensors between them: outputs of the one, inputs of the other.

    `head` is None where the edge runs nothing, `tail` where the server does.
    """

    head: Part | None
    crossing: tuple[TensorSpec, ...]
    tail: Part | None


def closed_parts(
    graph: Graph, blocked: BlockedGraph, blocks: frozenset[int], *, tour: Tour | None = None
) -> ClosedParts:
    """The parts that run `blocks` on the edge and the rest on the server.

    `blocked` is the graph's own `block_graph`. Weights are shared, not copied. Raises ValueError where the set
    is not closed.
    """
    if sum(map(len, blocked.positions)) != len(graph.nodes):
        raise ValueError(_foreign(graph, blocked))
    crossing_names = {tensor.name for tensor in blocked.blocks.crossing(blocks)}
    tour = tour or walk(graph)
    first = [position for block in sorted(blocks) for position in blocked.positions[block]]
    taken = frozenset(first)
    rest = [position for members in blocked.positions for position in members if position not in taken]
    ordered = replace(graph, nodes=tuple(graph.nodes[position] for position in (*first, *rest)))
    crossing = crossing_at(ordered, len(first)).values
    if {spec.name for spec in crossing} != crossing_names:
        raise ValueError(_foreign(graph, blocked))
    specs = graph.value_specs()
    outputs = tuple(specs[name] for name in graph.outputs)
    cutter = _Cutter(ordered, blocked.blocks, tour)
    rest_blocks = blocked.blocks.everything - blocks
    return ClosedParts(
        head=cutter.part(blocks, 0, graph.inputs, crossing if rest else outputs) if first else None,
        crossing=crossing,
        tail=cutter.part(rest_blocks, len(first), crossing, outputs) if rest else None,
    )


def _foreign(graph: Graph, blocked: BlockedGraph) -> str:
    return f"blocks of {blocked.blocks.network} given for {graph.name}; expected the graph's own blocks"


@dataclass(frozen=True, slots=True)
class _Cutter:
    graph: Graph
    blocks: BlockGraph
    tour: Tour

    def part(
        self, members: frozenset[int], first: int, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> Part:
        """The part that runs `members`, whose nodes stand together from position `first` on."""
        chosen = [self.blocks.blocks[block] for block in sorted(members)]
        nodes = self.graph.nodes[first : first + sum(len(block.operations) for block in chosen)]
        return Part(
            name=f"{self.graph.name}[{len(chosen)} of {len(self.blocks.blocks)} blocks, {chosen[-1].name} the last]",
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            workload=Workload(blocks=tuple(block.operations for block in chosen)),
            layouts=self.tour.layouts,
            module=compile_nodes(self.graph, nodes, inputs, outputs),
        )
