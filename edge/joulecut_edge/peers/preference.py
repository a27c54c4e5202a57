"""Which of equal servers an edge prefers: another one for each edge, the same one for the same edge.

Rendezvous hashing (Thaler and Ravishankar, 1998): each edge gives each server a mark and prefers the highest. Edges
spread evenly, nobody needs to know the others, and a server that comes or goes moves only its own share of the edges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def preferred(edge: str, servers: Iterable[str]) -> Sequence[str]:
    """The servers in the order of this edge's preference, whatever order they came in."""
    return sorted(servers, key=lambda server: (_mark(edge, server), server), reverse=True)


def _mark(edge: str, server: str) -> bytes:
    # The length keeps ("ab", "c") and ("a", "bc") apart.
    text = f"{len(edge)}:{edge}{server}"
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
