"""Random figures for planning problems, drawn quickly: else tests would draw problems for longer than they solve them.

A table is one draw, not one for each of its figures, and a strategy is made once, not with each draw.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from hypothesis import strategies as st

from joulecut_core.problems import Table

TWO_IN_THREE = st.sampled_from([True, True, False])
THREE_IN_FOUR = st.sampled_from([True, True, True, False])
"""True so often."""

T = TypeVar("T")

_BYTES = 4
_LARGEST = 2.0 ** (8 * _BYTES - 1) - 1.0
_RARE = 64
"""One in so many figures is an extreme."""


def any_of(*values: T) -> st.SearchStrategy[T]:
    """One of `values`."""
    return _any_of(*values)


@lru_cache(maxsize=None, typed=True)
def _any_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Few distinct values, which make ties common, and a continuum, which makes every choice its own.

    It goes from `least` to `most`; now and then it is one of these, or next to the former.
    """

    common: tuple[float, ...]
    least: float = 0.0
    most: float

    def of(self, number: int) -> float:
        """The figure that a random number of 32 bits stands for; 0 is the first of the common ones."""
        rest, is_continuous = divmod(number, 2)
        if not is_continuous:
            return self.common[rest % len(self.common)]
        if rest % _RARE == _RARE - 1:
            return (self.least, self.most, math.nextafter(self.least, self.most))[rest // _RARE % 3]
        return self.least + (self.most - self.least) * (rest / _LARGEST)


def drawn_table(draw: st.DrawFn, figures: Figures, cuts: int, points: int, *, idle_cut: int | None = None) -> Table:
    """A table by cut and point; that of `idle_cut` is 0."""
    count = cuts * points
    drawn = draw(st.binary(min_size=_BYTES * count, max_size=_BYTES * count))
    flat = [figures.of(number) for number in struct.unpack(f"<{count}I", drawn)]
    return tuple(
        (0.0,) * points if cut == idle_cut else tuple(flat[cut * points : (cut + 1) * points]) for cut in range(cuts)
    )
