"""The closed sets next to one: a block joins with all it depends on, or leaves with all that depends on it."""

from __future__ import annotations

from joulecut_core.block_graphs import BlockGraph


class Neighbours:
    """The neighbours of the closed sets (bit masks) of one graph."""

    def __init__(self, graph: BlockGraph) -> None:
        before = graph.dependencies()
        self._needed: list[int] = []
        """For each block itself and all that it depends on, directly or not."""
        for block, direct in enumerate(before):
            mask = 1 << block
            for other in direct:
                mask |= self._needed[other]
            self._needed.append(mask)
        self._dependent = [
            sum(1 << later for later, needed in enumerate(self._needed) if needed >> block & 1)
            for block in range(len(before))
        ]

    def of(self, mask: int) -> tuple[int, ...]:
        """Every neighbour once; neither the empty set nor the whole is left out."""
        found = [
            mask & ~self._dependent[block] if mask >> block & 1 else mask | needed
            for block, needed in enumerate(self._needed)
        ]
        return tuple(dict.fromkeys(found))
