"""All closed sets of a graph of blocks, as bit masks: bit b tells that block b is the edge's.

Blocks are taken in their order. The closed sets of the first n + 1 blocks are those of the first n, and of these
again the ones that hold all that block n depends on, with block n added: each set is made once, so the work is
blocks times sets. Parts of a graph that follow each other add their sets up, parts side by side multiply them.
"""

from __future__ import annotations

from collections.abc import Iterable

from joulecut_core.block_graphs import BlockGraph


def mask_of(blocks: Iterable[int]) -> int:
    """The bit mask of a set of blocks."""
    return sum(1 << block for block in set(blocks))


def members_of(mask: int) -> frozenset[int]:
    """The blocks of a bit mask."""
    return frozenset(block for block in range(mask.bit_length()) if mask >> block & 1)


def closed_sets(graph: BlockGraph, *, most: int) -> tuple[int, ...] | None:
    """Every closed set, the empty one and the whole included, smaller ones first; None where there are over `most`."""
    found = [0]
    for block, before in enumerate(graph.dependencies()):
        needed, added = mask_of(before), 1 << block
        found += [mask | added for mask in found if mask & needed == needed]
        if len(found) > most:
            return None
    return tuple(sorted(found, key=lambda mask: (mask.bit_count(), mask)))


def prefixes(graph: BlockGraph) -> tuple[int, ...]:
    """The closed sets that are the first blocks of the graph's own order."""
    return tuple((1 << count) - 1 for count in range(len(graph.blocks) + 1))
