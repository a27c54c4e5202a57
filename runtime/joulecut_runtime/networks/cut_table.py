"""The cut table of a graph: candidate cuts under names that a person recognises, and the work between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from joulecut_core.networks import Block, Cut, CutTable
from joulecut_core.workloads import Operation
from joulecut_runtime.networks.cutting import Crossing
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.module_paths import completed_module
from joulecut_runtime.networks.shapes import Tour

_FIRST, _LAST = "input", "output"


def build_cut_table(graph: Graph, digest: str, tour: Tour, cuts: Sequence[Crossing]) -> CutTable:
    """The table of `cuts` (ascending, first and last position included) and of the blocks between them."""
    operations = graph_operations(graph, tour)
    names = _cut_names(graph, cuts)
    block_names = _unique([*names[1:-1], _place(graph, len(graph.nodes))], taken=())
    bounds = [cut.position for cut in cuts]
    specs = graph.value_specs()
    return CutTable(
        network=graph.name,
        digest=digest,
        inputs=graph.inputs,
        outputs=tuple(specs[name] for name in graph.outputs),
        cuts=tuple(
            Cut(index=index, name=name, tensors=cut.values)
            for index, (name, cut) in enumerate(zip(names, cuts, strict=True))
        ),
        blocks=tuple(
            Block(index=index, name=name, operations=operations[bounds[index] : bounds[index + 1]])
            for index, name in enumerate(block_names)
        ),
    )


def graph_operations(graph: Graph, tour: Tour) -> tuple[Operation, ...]:
    """What each node asks of a device, in order."""
    return tuple(tour.operations[node.name] for node in graph.nodes)


def _cut_names(graph: Graph, cuts: Sequence[Crossing]) -> list[str]:
    positions = [cut.position for cut in cuts[1:-1]]
    names = [_place(graph, position) for position in positions]
    named = [
        # Beside cuts after "blocks.0" to "blocks.14", the end of all "blocks" is known as "blocks.15".
        _child(name, graph.nodes[position - 1].module) if any(other.startswith(f"{name}.") for other in names) else name
        for name, position in zip(names, positions, strict=True)
    ]
    return [_FIRST, *_unique(named, taken=(_FIRST, _LAST)), _LAST]


def _place(graph: Graph, position: int) -> str:
    """What is finished at `position`: a module, or an operator inside the module that goes on."""
    node = graph.nodes[position - 1]
    following = graph.nodes[position].module if position < len(graph.nodes) else None
    if following is None and node.module:
        return node.module
    completed = None if following is None else completed_module(node.module, following)
    return completed or f"{node.module}.{node.name}".removeprefix(".")


def _child(container: str, path: str) -> str:
    """The direct child of `container` on the way to `path`; the container where `path` is not inside it."""
    if not path.startswith(f"{container}."):
        return container
    return f"{container}.{path.removeprefix(container).split('.')[1]}"


def _unique(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    seen = Counter(taken)
    unique: list[str] = []
    for name in names:
        candidate = name
        while seen[candidate]:
            seen[name] += 1
            candidate = f"{name}#{seen[name]}"
        seen[candidate] += 1
        unique.append(candidate)
    return unique
