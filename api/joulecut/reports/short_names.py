"""Long names made short in the middle, so that what tells them apart stays."""

from __future__ import annotations

from collections.abc import Sequence

_CUT = "…"
_HEADS = (0.5, 0.3, 0.7, 0.1, 0.9)
"""Shares of what is kept that stand before the gap, tried one after the other."""


def short_names(names: Sequence[str], most: int) -> tuple[str, ...]:
    """`names` of `most` signs or fewer, in their order: beginnings and ends stay, and different ones stay different.

    Where no gap of that width keeps them different they are as long as that takes. `most`: at least 3.
    """
    wanted = len(set(names))
    for width in range(most, max(map(len, names), default=0)):
        for head in _HEADS:
            found = tuple(_short(name, width, head) for name in names)
            if len(set(found)) == wanted:
                return found
    return tuple(names)


def _short(name: str, most: int, head: float) -> str:
    if len(name) <= most:
        return name
    before = round((most - 1) * head)
    after = most - 1 - before
    return name[:before] + _CUT + (name[-after:] if after else "")
