"""The energy-latency front while a search runs: the choices that no other beats in both J and T_q."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices


@dataclass(frozen=True, slots=True)
class Steps:
    """T_q, J and rank of choices; arrays of shape (choices,). Or of cells: no more than any in it has of either."""

    bound_s: Array
    energy_j: Array
    rank: Indices

    def __len__(self) -> int:
        return len(self.rank)

    def only(self, kept: NDArray[np.bool_] | Indices) -> Steps:
        """Some of them, or all in another order."""
        return Steps(self.bound_s[kept], self.energy_j[kept], self.rank[kept])

    def joined(self, others: Steps) -> Steps:
        """These, then others."""
        return Steps(
            np.concatenate((self.bound_s, others.bound_s)),
            np.concatenate((self.energy_j, others.energy_j)),
            np.concatenate((self.rank, others.rank)),
        )


def _none() -> Steps:
    return Steps(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))


@dataclass(slots=True)
class Staircase:
    """The front of the choices offered: by rising T_q and falling J, of equal ones that of lowest rank."""

    steps: Steps = field(default_factory=_none)

    def offer(self, choices: Steps) -> None:
        """Take feasible choices."""
        # Most of what a search offers is beaten already, and sorting is what costs.
        merged = self.steps.joined(choices.only(~self.beats(choices)))
        merged = merged.only(np.lexsort((merged.rank, merged.energy_j, merged.bound_s)))
        cheaper = np.ones(len(merged), dtype=np.bool_)
        cheaper[1:] = merged.energy_j[1:] < np.minimum.accumulate(merged.energy_j)[:-1]
        self.steps = merged.only(cheaper)

    def beats(self, others: Steps, tolerance: float = 0.0) -> NDArray[np.bool_]:
        """For each, whether some step makes it, and whatever is no better and ranks no lower, needless.

        A step does if it is as good in both and better in one, or equal and of lower rank. With a
        `tolerance` (relative, of J) one that is only as fast has to be cheaper by more than this.
        """
        steps = self.steps
        if not len(steps):
            return ~np.isfinite(others.bound_s)
        as_fast = np.searchsorted(steps.bound_s, others.bound_s, side="right") - 1
        best = steps.only(np.maximum(as_fast, 0))
        beaten = best.energy_j + tolerance * np.abs(best.energy_j) < others.energy_j
        equal = best.energy_j == others.energy_j
        beaten |= equal & ((best.bound_s < others.bound_s) | (best.rank < others.rank))
        beaten &= as_fast >= 0
        if tolerance > 0.0:
            faster = np.searchsorted(steps.bound_s, others.bound_s, side="left") - 1
            beaten |= (faster >= 0) & (steps.energy_j[np.maximum(faster, 0)] <= others.energy_j)
        return beaten | ~np.isfinite(others.bound_s)
