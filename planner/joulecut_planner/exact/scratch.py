"""Memory for the bounds' arrays, kept from one plan to the next.

Arrays just above the size from which a C library asks the system for fresh pages cost more in page
faults than in arithmetic; a planner makes a dozen of them for every plan, always of the same shapes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from joulecut_planner.choices.grids import Array

_KEPT = 32
"""Arrays kept in each thread: those of both sides of a few problems, some megabytes."""


class _Free(threading.local):
    def __init__(self) -> None:
        self.by_shape: dict[tuple[int, ...], list[Array]] = {}


_FREE = _Free()


class Scratch:
    """Arrays for one search; they go to the next one when it ends."""

    def __init__(self) -> None:
        self._taken: list[Array] = []

    def empty(self, shape: tuple[int, ...]) -> Array:
        """An array of a shape, its values undefined."""
        free = _FREE.by_shape.get(shape)
        array = free.pop() if free else np.empty(shape)
        self._taken.append(array)
        return array

    def give_back(self) -> None:
        """Keep the arrays, and those of the latest shapes longest; nobody may look at them any more."""
        kept = _FREE.by_shape
        for array in self._taken:
            # Put at the end: the shapes at the front are those not used for longest.
            kept[array.shape] = [*kept.pop(array.shape, ()), array]
        self._taken = []
        while sum(map(len, kept.values())) > _KEPT:
            oldest = next(iter(kept))
            if kept[oldest]:
                kept[oldest].pop()
            else:
                del kept[oldest]


@contextmanager
def borrowed() -> Iterator[Scratch]:
    """Scratch memory within a block."""
    scratch = Scratch()
    try:
        yield scratch
    finally:
        scratch.give_back()
