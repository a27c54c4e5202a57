"""How batches may run, for bounds: at clocks that are free to change, or at one that takes time to change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.unit_clocks import UnitClocks

_ROUNDING = 1e-9
_MOST_LABELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """`cells` of a deadline; joules count beyond those of resting at `resting_w` meanwhile."""

    deadline_s: float
    cells: int
    resting_w: float

    @property
    def step_s(self) -> float:
        """Seconds of a cell."""
        return self.deadline_s / self.cells


class FreeClocks:
    """Every unit at any clock, and changes for nothing."""

    clocks = 1
    before = 0

    def __init__(self, costs: ServiceCosts, grid: Grid) -> None:
        self.cells = grid.cells
        free = ServiceCosts(replace(costs.table, switch_s=0.0, switch_j=0.0))
        ways = UnitClocks(free, resting_w=grid.resting_w, most_labels=_MOST_LABELS)
        self._joules: list[tuple[int, Array]] = []
        """By size: the fewest cells that it takes, and the least joules for that many, one more, ..."""
        for size in range(1, costs.largest + 1):
            found = [
                ways.after_change(size, (cell + 1) * grid.step_s * (1.0 + _ROUNDING)) for cell in range(grid.cells + 1)
            ]
            least = next((cell for cell, each in enumerate(found) if each is not None), grid.cells + 1)
            # Where a front was thinned, its costs may be above the least by so much.
            joules = [each[1] - ways.gap_j(size) for each in found if each is not None]
            self._joules.append((least, np.array(joules)))
        self.sizes = max((size for size, (least, _) in enumerate(self._joules, 1) if least <= grid.cells), default=0)

    def run(self, size: int, earliest: int, gap: int, behind: Array) -> Array:
        """See `BatchChoices`."""
        least, joules = self._joules[size - 1]
        starts = max(self.cells - earliest - least + 1, 0)
        # Ends from the earliest to the deadline; those beyond it are never.
        ends = np.arange(earliest + least, self.cells + 1) - gap
        after = np.full((behind.shape[2], max(2 * starts - 1, 0)), np.inf)
        after[:, :starts] = behind[0, np.maximum(ends, 0)].T
        if not starts:
            nobody: Array = after.T[None]
            return nobody
        ready: Array = (sliding_window_view(after, starts, axis=1) + joules[:starts]).min(axis=2).T[None]
        return ready

    def changed(self, ready: Array) -> Array:
        """See `BatchChoices`."""
        return ready


class HeldClocks:
    """Each batch at one clock; another one than the last takes a change."""

    def __init__(self, costs: ServiceCosts, grid: Grid) -> None:
        table = costs.table
        self.cells = grid.cells
        self.clocks = len(table.points)
        self._change = int(table.switch_s / grid.step_s * (1.0 + _ROUNDING))
        self._change_j = table.switch_j
        self.before = self._change
        time_s, energy_j = costs.unit_time_s[0].sum(axis=1), costs.unit_energy_j[0].sum(axis=1)
        self._takes = (time_s / grid.step_s * (1.0 - _ROUNDING)).astype(np.int64)
        """Shape (sizes, clocks)."""
        self._joules: Array = energy_j - grid.resting_w * time_s
        in_time = self._takes.min(axis=1) <= grid.cells
        self.sizes = int(np.flatnonzero(in_time)[-1]) + 1 if in_time.any() else 0
        self._clock = np.arange(self.clocks)[:, None]

    def run(self, size: int, earliest: int, gap: int, behind: Array) -> Array:
        """See `BatchChoices`."""
        takes = self._takes[size - 1][:, None]
        ends = takes + np.arange(earliest, self.cells - int(takes.min()) + 1)
        after: Array = behind[self._clock, np.clip(ends + (self.before - gap), 0, self.before + self.cells)]
        after += self._joules[size - 1][:, None, None]
        after[ends > self.cells] = np.inf
        return after

    def changed(self, ready: Array) -> Array:
        """See `BatchChoices`."""
        any_clock = ready[:, self._change :].min(axis=0) + self._change_j
        changed: Array = ready.copy()
        np.minimum(changed[:, : len(any_clock)], any_clock, out=changed[:, : len(any_clock)])
        return changed
