"""Units of a network: stretches of its cut table's blocks that are served at one clock each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise

from joulecut_core.networks import CutTable


def unit_bounds(times_s: Sequence[float], most: int) -> tuple[int, ...]:
    """Where units begin and the last one ends: at most `most` stretches of blocks, the longest as short as can be.

    `times_s`: of each block. Units of no time are joined with a neighbour.
    """
    sums = (0.0, *accumulate(times_s))

    @cache
    def least(first: int, units: int) -> tuple[float, tuple[int, ...]]:
        """The shortest longest unit of the blocks from `first` on, and the bounds after it."""
        rest = sums[-1] - sums[first]
        best: tuple[float, tuple[int, ...]] = (rest, (len(times_s),))
        if units > 1:
            for second in range(first + 1, len(times_s)):
                longest, bounds = least(second, units - 1)
                mine = max(sums[second] - sums[first], longest)
                if mine < best[0]:
                    best = (mine, (second, *bounds))
        return best

    bounds = [0]
    for bound in least(0, most)[1]:
        if sums[bound] > sums[bounds[-1]]:
            bounds.append(bound)
    bounds[-1] = len(times_s)
    return tuple(bounds)


def unit_names(table: CutTable, bounds: Sequence[int]) -> tuple[str, ...]:
    """Each unit by the cuts that it lies between: a request cut at the first of the two enters there."""
    return tuple(f"{table.cuts[first].name} to {table.cuts[last].name}" for first, last in pairwise(bounds))
