"""Where a network may be cut, and which of those places are worth considering.

Position i stands after the first i nodes. Every position is a legal cut: the values computed or given
before it and read after it cross. Only those are kept that could be the best place for some pair of
devices and some link, judged by the bytes that cross:

    bytes │      ╭─╮         a, c, e   valleys: no neighbour is lower
          │   ╭──╯ ╰╮ ╭─╮    d         on the way down, already below the valley before: kept
          │ a╯      │ │ d    x         between two valleys, both no higher: whichever of them
          │    x    ╰c╯ ╰e             computes more where that is cheaper is better than x
          └──────────────── position

A plateau (operators that keep the size: activations, views) is cut once, after its last operator that
is not a view. Bytes are those of the densest codec, one per element. Cutting after the last node
sends nothing, which makes the way down to the end a valley's flank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.networks import TensorSpec
from joulecut_core.workloads import OperationKind
from joulecut_runtime.graph import Graph, node_values
from joulecut_runtime.shapes import Tour

_MOST_CUTS = 64
"""Planners enumerate cuts times clocks: more candidates cost time and, so close together, save nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A position in the graph and the values that cross there, in order of definition."""

    position: int
    values: tuple[TensorSpec, ...]


def crossings(graph: Graph) -> tuple[Crossing, ...]:
    """What crosses at every position, 0 to the number of nodes. Nothing is left to cross at the last.

    Position 0 carries all inputs, needed or not: it is what a caller hands over.
    """
    end = len(graph.nodes)
    last_use = {spec.name: -1 for spec in graph.inputs}
    for position, node in enumerate(graph.nodes):
        last_use[node.name] = -1
        for name in node_values(node):
            last_use[name] = position
    for name in graph.outputs:
        last_use[name] = end
    found = [Crossing(position=0, values=graph.inputs)]
    alive = [spec for spec in graph.inputs if last_use[spec.name] >= 0]
    for position, node in enumerate(graph.nodes, start=1):
        alive = [spec for spec in (*alive, node.output) if last_use[spec.name] >= position]
        found.append(Crossing(position=position, values=tuple(alive) if position < end else ()))
    return tuple(found)


def candidates(graph: Graph, tour: Tour) -> tuple[Crossing, ...]:
    """The crossings worth considering, ascending; always the first and the last position.

    Positions where a tensor would cross that shares its memory or leaves gaps in it are left out:
    rebuilt from its bytes it would lie differently, and some kernels would round differently.
    """
    everywhere = crossings(graph)
    start, *inner, end = everywhere
    usable = [crossing for crossing in inner if all(tour.layouts[spec.name].packed for spec in crossing.values)]
    line = [start, *_plateau_ends([start, *usable], graph, tour), end]
    sizes = [sum(dense_bytes(spec) for spec in crossing.values) for crossing in line]
    kept = [line[index] for index in _worth_keeping(sizes)]
    if len(kept) > _MOST_CUTS - 2:
        smallest = sorted(kept, key=lambda crossing: sum(dense_bytes(spec) for spec in crossing.values))
        kept = sorted(smallest[: _MOST_CUTS - 2], key=lambda crossing: crossing.position)
    return (start, *kept, end)


def dense_bytes(spec: TensorSpec) -> int:
    """Bytes of a tensor under the densest codec: one per number; whole numbers are sent as they are."""
    return spec.elements if spec.dtype.startswith(("float", "bfloat")) else spec.size_bytes


def _plateau_ends(line: Sequence[Crossing], graph: Graph, tour: Tour) -> list[Crossing]:
    """One crossing per run of equal sizes; the run that starts with position 0 is position 0's own."""
    ends: list[Crossing] = []
    level = sum(dense_bytes(spec) for spec in line[0].values)
    on_first = True
    for crossing in line[1:]:
        size = sum(dense_bytes(spec) for spec in crossing.values)
        is_view = tour.operators[graph.nodes[crossing.position - 1].name].kind is OperationKind.VIEW
        if size != level:
            ends.append(crossing)
            level, on_first = size, False
        elif not on_first and not is_view:
            ends[-1] = crossing
    return ends


def _worth_keeping(sizes: Sequence[int]) -> list[int]:
    """Indices of valleys, and of what lies below the valley before; neighbours differ, both ends excluded."""
    kept: list[int] = []
    valley = sizes[0]
    for index in range(1, len(sizes) - 1):
        is_valley = sizes[index - 1] > sizes[index] < sizes[index + 1]
        if is_valley or sizes[index] < valley:
            kept.append(index)
        if is_valley:
            valley = sizes[index]
    return kept
