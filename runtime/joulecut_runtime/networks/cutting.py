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
from itertools import accumulate

from joulecut_core.networks import MAX_CROSSING_BYTES, MAX_CROSSING_TENSORS, TensorSpec
from joulecut_core.workloads import OperationKind
from joulecut_runtime.networks.graph import Graph, node_values
from joulecut_runtime.networks.shapes import Tour

_MOST_CUTS = 64
"""Planners enumerate cuts times clocks: more candidates cost time and, so close together, save nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A position in the graph and the values that cross there, in order of definition."""

    position: int
    values: tuple[TensorSpec, ...]


def crossings(graph: Graph) -> tuple[Crossing, ...]:
    """What crosses at every position, 0 to the number of nodes. Nothing is left to cross at the last.

    Position 0 carries all inputs, needed or not: it is what a caller hands over. Takes as much memory as all
    crossings are long together.
    """
    end = len(graph.nodes)
    lives = _lives(graph)
    found = [Crossing(position=0, values=graph.inputs)]
    alive = [life for life in lives if life.first == 0]
    made = {life.first: life for life in lives if life.first > 0}
    for position in range(1, end + 1):
        alive = [life for life in (*alive, made[position]) if life.last >= position]
        found.append(Crossing(position=position, values=tuple(life.spec for life in alive) if position < end else ()))
    return tuple(found)


def crossing_at(graph: Graph, position: int) -> Crossing:
    """What crosses at one position: as `crossings` has it, without the others."""
    return _crossing(_lives(graph), graph, position)


def candidates(graph: Graph, tour: Tour) -> tuple[Crossing, ...]:
    """The crossings worth considering, ascending; always the first and the last position.

    Positions where a tensor would cross that shares its memory or leaves gaps in it are left out:
    rebuilt from its bytes it would lie differently, and some kernels would round differently. So are positions
    where more crosses than a message carries.
    """
    end = len(graph.nodes)
    lives = _lives(graph)
    sizes = _summed([(life, dense_bytes(life.spec)) for life in lives], end)
    sizes[0], sizes[end] = sum(map(dense_bytes, graph.inputs)), 0
    loose = _summed([(life, int(not tour.layouts[life.spec.name].packed)) for life in lives], end)
    tensors = _summed([(life, 1) for life in lives], end)
    decoded = _summed([(life, life.spec.size_bytes) for life in lives], end)
    usable = [
        position
        for position in range(1, end)
        if not loose[position] and tensors[position] <= MAX_CROSSING_TENSORS and decoded[position] <= MAX_CROSSING_BYTES
    ]
    line = [0, *_plateau_ends([0, *usable], sizes, graph, tour), end]
    kept = [line[index] for index in _worth_keeping([sizes[position] for position in line])]
    if len(kept) > _MOST_CUTS - 2:
        kept = sorted(sorted(kept, key=lambda position: sizes[position])[: _MOST_CUTS - 2])
    return tuple(_crossing(lives, graph, position) for position in (0, *kept, end))


def dense_bytes(spec: TensorSpec) -> int:
    """Bytes of a tensor under the densest codec: one per number; whole numbers are sent as they are."""
    return spec.elements if spec.dtype.startswith(("float", "bfloat")) else spec.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """A value that is read: the positions, first to last, at which it crosses."""

    spec: TensorSpec
    first: int
    last: int


def _lives(graph: Graph) -> tuple[_Life, ...]:
    """Of every input and node, in order of definition; one that nobody reads ends before it begins."""
    last_use: dict[str, int] = {}
    for position, node in enumerate(graph.nodes):
        for name in node_values(node):
            last_use[name] = position
    for name in graph.outputs:
        last_use[name] = len(graph.nodes)
    made = [(0, spec) for spec in graph.inputs] + [(at, node.output) for at, node in enumerate(graph.nodes, start=1)]
    return tuple(_Life(spec=spec, first=first, last=last_use.get(spec.name, -1)) for first, spec in made)


def _crossing(lives: Sequence[_Life], graph: Graph, position: int) -> Crossing:
    if position == 0:
        return Crossing(position=0, values=graph.inputs)
    if position == len(graph.nodes):
        return Crossing(position=position, values=())
    return Crossing(position=position, values=tuple(each.spec for each in lives if each.first <= position <= each.last))


def _summed(weights: Sequence[tuple[_Life, int]], end: int) -> list[int]:
    """At each position, the weights of what crosses there."""
    changes = [0] * (end + 2)
    for life, weight in weights:
        if life.first <= life.last:
            changes[life.first] += weight
            changes[life.last + 1] -= weight
    return list(accumulate(changes))[: end + 1]


def _plateau_ends(line: Sequence[int], sizes: Sequence[int], graph: Graph, tour: Tour) -> list[int]:
    """One position per run of equal sizes; the run that starts with position 0 is position 0's own."""
    ends: list[int] = []
    level = sizes[line[0]]
    on_first = True
    for position in line[1:]:
        is_view = tour.operators[graph.nodes[position - 1].name].kind is OperationKind.VIEW
        if sizes[position] != level:
            ends.append(position)
            level, on_first = sizes[position], False
        elif not on_first and not is_view:
            ends[-1] = position
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
