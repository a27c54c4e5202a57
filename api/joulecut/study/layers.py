"""A network layer by layer: one block per operator, finer than the candidate cuts.

node        conv   relu   view   pool   flatten   linear
layer       0      1      1      2      2         3          a view joins the layer before it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.networks import TensorSpec
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.networks.cut_table import graph_operations
from joulecut_runtime.networks.cutting import crossings
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.parts import Part, compile_nodes
from joulecut_runtime.networks.shapes import walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operator and the views behind it: nodes [first, last) of the graph."""

    index: int
    name: str
    kind: OperationKind
    operations: tuple[Operation, ...]
    first: int
    last: int

    @property
    def workload(self) -> Workload:
        """The layer alone."""
        return Workload(blocks=(self.operations,))

    @property
    def flops(self) -> float:
        """Floating-point operations."""
        return sum(operation.flops for operation in self.operations)

    @property
    def size_bytes(self) -> float:
        """Bytes read plus written."""
        return sum(operation.size_bytes for operation in self.operations)


def layers_of(graph: Graph) -> tuple[Layer, ...]:
    """Every layer in order; views before the first operator join it."""
    operations = graph_operations(graph, walk(graph))
    starts = [index for index, operation in enumerate(operations) if operation.kind is not OperationKind.VIEW]
    bounds = [0, *starts[1:], len(operations)]
    return tuple(
        Layer(
            index=index,
            name=graph.nodes[start].module or graph.nodes[start].name,
            kind=operations[start].kind,
            operations=operations[bounds[index] : bounds[index + 1]],
            first=bounds[index],
            last=bounds[index + 1],
        )
        for index, start in enumerate(starts)
    )


def whole_workload(layers: Sequence[Layer]) -> Workload:
    """All layers as the blocks of one run."""
    return Workload(blocks=tuple(layer.operations for layer in layers))


def layer_parts(graph: Graph, layers: Sequence[Layer]) -> tuple[Part, ...]:
    """Each layer as a part that runs by itself: part k takes what crosses before layer k, in order."""
    lines = crossings(graph)
    layouts = walk(graph).layouts
    specs = graph.value_specs()
    ends: tuple[TensorSpec, ...] = tuple(specs[name] for name in graph.outputs)
    return tuple(
        Part(
            name=f"{graph.name}[{layer.name}]",
            inputs=lines[layer.first].values,
            outputs=lines[layer.last].values or ends,
            workload=layer.workload,
            layouts=layouts,
            module=compile_nodes(
                graph,
                graph.nodes[layer.first : layer.last],
                lines[layer.first].values,
                lines[layer.last].values or ends,
            ),
        )
        for layer in layers
    )
