"""Minimum cuts by augmenting shortest paths, level by level, in whole numbers.

Whole numbers make the flow exact, hence a proof: no cut is smaller than a flow that fits. Capacities are
rounded down to multiples of 2^-52 of their sum, so the flow is at most that much per arc below the real one.
Source: Dinic, Algorithm for solution of a problem of maximum flow in networks with power estimation, 1970.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SOURCE, SINK = 0, 1
"""The two ends; other nodes are numbered from 2 on."""

_STEPS = 2**52


@dataclass(frozen=True, slots=True)
class Arc:
    """A directed arc; `capacity` at least 0, or infinite."""

    tail: int
    head: int
    capacity: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The nodes on the source's side of a minimum cut, the fewest, and a proved lower bound on any cut's capacity."""

    source_side: frozenset[int]
    least: float


def minimum_cut(nodes: int, arcs: Sequence[Arc]) -> Cut:
    """A minimum cut between SOURCE and SINK of a network of `nodes` nodes, in which some cut is finite."""
    total = math.fsum(arc.capacity for arc in arcs if math.isfinite(arc.capacity))
    if total <= 0.0:
        total = 1.0
    network = _Network(nodes)
    for arc in arcs:
        steps = int(arc.capacity / total * _STEPS) if math.isfinite(arc.capacity) else 2 * _STEPS
        network.add(arc.tail, arc.head, steps)
    flow = network.fill()
    # One step for the rounding of the division, and of the product here.
    least = max(0.0, flow - len(arcs)) / _STEPS * total
    return Cut(source_side=frozenset(node for node, level in enumerate(network.levels()) if level >= 0), least=least)


class _Network:
    """Arcs in pairs: arc k runs against arc k ^ 1, and `_room` is what may still pass."""

    def __init__(self, nodes: int) -> None:
        self._arcs: list[list[int]] = [[] for _ in range(nodes)]
        self._head: list[int] = []
        self._room: list[int] = []

    def add(self, tail: int, head: int, room: int) -> None:
        for node, target, capacity in ((tail, head, room), (head, tail, 0)):
            self._arcs[node].append(len(self._head))
            self._head.append(target)
            self._room.append(capacity)

    def levels(self) -> list[int]:
        """For each node its distance from the source along arcs with room; -1 where it cannot be reached."""
        level = [-1] * len(self._arcs)
        level[SOURCE] = 0
        queue = [SOURCE]
        for node in queue:
            for arc in self._arcs[node]:
                target = self._head[arc]
                if self._room[arc] and level[target] < 0:
                    level[target] = level[node] + 1
                    queue.append(target)
        return level

    def fill(self) -> int:
        """Send as much as fits from source to sink; returns how much."""
        flow = 0
        while (level := self.levels())[SINK] >= 0:
            flow += self._block(level)
        return flow

    def _block(self, level: list[int]) -> int:
        """Fill every shortest path."""
        head, room = self._head, self._room
        tried = [0] * len(self._arcs)
        flow = 0
        path: list[int] = []
        node = SOURCE
        while True:
            if node == SINK:
                sent = min(room[arc] for arc in path)
                flow += sent
                for arc in path:
                    room[arc] -= sent
                    room[arc ^ 1] += sent
                full = next(index for index, arc in enumerate(path) if not room[arc])
                node = head[path[full] ^ 1]
                del path[full:]
                continue
            arcs = self._arcs[node]
            while tried[node] < len(arcs):
                arc = arcs[tried[node]]
                if room[arc] and level[head[arc]] == level[node] + 1:
                    break
                tried[node] += 1
            else:
                if node == SOURCE:
                    return flow
                node = head[path.pop() ^ 1]
                tried[node] += 1
                continue
            path.append(arc)
            node = head[arc]
