"""Ratios between whole parts as measured and what sums over blocks or whole-network figures say of them.

A part run whole is not exactly the sum of its blocks, nor does it draw what the whole network
draws. A few measured parts give the ratio at some cuts and clocks; between cuts it is interpolated,
and where one cut was measured at several core clocks it is a straight line in the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The ratio at one cut and achieved core clock."""

    cut: int
    core_mhz: float
    ratio: float


@dataclass(frozen=True, slots=True)
class _Line:
    core_mhz: Array
    ratio: Array

    def at(self, core_mhz: Array) -> Array:
        """The ratio at some clocks, held at the nearest measured clock beyond the measured ones."""
        clocks = np.clip(core_mhz, self.core_mhz.min(), self.core_mhz.max())
        if len(np.unique(self.core_mhz)) < 2:
            return np.full_like(clocks, self.ratio.mean())
        centre = self.core_mhz.mean()
        offsets = self.core_mhz - centre
        slope = float(offsets @ self.ratio) / float(offsets @ offsets)
        line: Array = np.maximum(self.ratio.mean() + slope * (clocks - centre), 0.0)
        return line


def ratios(anchors: Iterable[Anchor], core_mhz: Array, cuts: int, *, known: Mapping[int, Array] | None = None) -> Array:
    """The ratio for each cut and clock, of shape (cuts, clocks); 1 where nothing was measured.

    `known`: ratios of shape (clocks,) for some cuts, used as they are; anchors of other cuts become lines.
    """
    by_cut: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        by_cut.setdefault(anchor.cut, []).append(anchor)
    rows = {cut: _line(at_cut).at(core_mhz) for cut, at_cut in by_cut.items()} | dict(known or {})
    if not rows:
        return np.ones((cuts, len(core_mhz)))
    measured = sorted(rows)
    lines = np.stack([rows[cut] for cut in measured])
    every_cut = np.arange(cuts)
    columns = [np.interp(every_cut, measured, lines[:, clock]) for clock in range(len(core_mhz))]
    return np.stack(columns, axis=1)


def _line(anchors: list[Anchor]) -> _Line:
    return _Line(
        np.array([anchor.core_mhz for anchor in anchors]),
        np.array([anchor.ratio for anchor in anchors]),
    )
