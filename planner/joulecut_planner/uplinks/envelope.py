"""The lower envelope of straight lines that begin and end: which of them is lowest, from where to where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices

_EQUAL = 1e-14
"""Relative: values this close differ by rounding alone."""


@dataclass(frozen=True, slots=True)
class Lines:
    """`intercept + slope * x` for start <= x <= end; arrays of shape (lines,). Earlier lines go before equal ones."""

    intercept: Array
    slope: Array
    start: Array
    end: Array

    def __len__(self) -> int:
        return len(self.slope)

    def at(self, x: float | Array) -> Array:
        """Their values, of lines that do not reach x too."""
        return self.intercept + self.slope * x

    def only(self, kept: NDArray[np.bool_] | Indices) -> Lines:
        """Some of the lines."""
        return Lines(self.intercept[kept], self.slope[kept], self.start[kept], self.end[kept])


@dataclass(frozen=True, slots=True)
class Piece:
    """Where one line is the lowest; `line` is its index."""

    start: float
    end: float
    line: int


def lower_envelope(lines: Lines, start: float, end: float) -> list[Piece]:
    """The lowest line from `start` to `end`, piece by piece; stretches that no line reaches are left out.

    Of lines that are equal the one of least slope is taken, as it is lower right after, then the first.
    """
    pieces: list[Piece] = []
    x = start
    while x < end:
        reaching = np.flatnonzero((lines.start <= x) & (x < lines.end))
        if not reaching.size:
            x = float(lines.start[(lines.start > x) & (lines.start < lines.end)].min(initial=end))
            continue
        lowest = _lowest_after(lines, reaching, x)
        # Where rounding hides that x moves on, the next number does.
        until = max(_next_change(lines, lowest, x, end), float(np.nextafter(x, np.inf)))
        pieces.append(Piece(x, until, lowest))
        x = until
    return pieces


def _lowest_after(lines: Lines, reaching: Indices, x: float) -> int:
    values = lines.at(x)[reaching]
    least = float(values.min())
    equal = reaching[values <= least + _EQUAL * abs(least)]
    return int(equal[lines.slope[equal].argmin()])


def _next_change(lines: Lines, lowest: int, x: float, end: float) -> float:
    """The first place after x where the line `lowest` ends or another becomes lower, at most `end`."""
    begin = np.maximum(lines.start, x)
    lowest_there = lines.intercept[lowest] + lines.slope[lowest] * begin
    above = lines.at(begin) - lowest_there
    closing = lines.slope[lowest] - lines.slope
    is_equal = np.abs(above) <= _EQUAL * np.abs(lowest_there)
    is_earlier = np.arange(len(lines)) < lowest
    enters = (lines.start > x) & np.where(is_equal, (closing == 0.0) & is_earlier, above < 0.0)
    change = np.full(len(lines), np.inf)
    np.divide(np.where(is_equal, 0.0, above), closing, out=change, where=closing > 0.0)
    change = np.where(enters, begin, begin + change)
    # Of the lines that reach x none is lower, and those equal to the lowest rise at least as fast.
    is_due = (begin < lines.end) & (change < lines.end) & ((lines.start > x) | ~is_equal)
    change = change[is_due]
    return min(float(change.min(initial=end)), float(lines.end[lowest]), end)
