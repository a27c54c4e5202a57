"""What a search over schedules remembers: joules so far, and when the server is free again.

Of two ways to have decided the same edges, the one that is neither cheaper nor earlier is dropped:
whatever follows it can follow the other at the same times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.batching.options import Case
from joulecut_planner.batching.runs import Run
from joulecut_planner.batching.slots import Step, run_of
from joulecut_planner.choices.grids import Array, Indices


@dataclass(frozen=True, slots=True)
class Label:
    """A partial schedule: the steps before, and the last one (None where nothing was added)."""

    free_s: float
    energy_j: float
    before: Label | None = None
    step: Step | None = None


START = Label(0.0, 0.0)


def undominated(labels: list[Label]) -> list[Label]:
    """Those that no other one beats in both joules and time, by rising time."""
    kept: list[Label] = []
    for label in sorted(labels, key=lambda each: (each.free_s, each.energy_j)):
        if not kept or label.energy_j < kept[-1].energy_j:
            kept.append(label)
    return kept


def front(start_s: Array, energy_j: Array, free_s: float) -> Indices:
    """Slots from `free_s` on that cost less than every one that ends before; arrays by rising end."""
    open_slots = np.flatnonzero(start_s >= free_s)
    costs = energy_j[open_slots]
    cheapest_before = np.minimum.accumulate(costs)
    better: NDArray[np.bool_] = np.isfinite(costs)
    better[1:] &= costs[1:] < cheapest_before[:-1]
    return open_slots[better]


def runs_of(case: Case, label: Label) -> list[Run]:
    """The runs of a whole schedule, first to last."""
    runs: list[Run] = []
    at: Label | None = label
    while at is not None:
        if at.step is not None:
            runs.append(run_of(case, at.step))
        at = at.before
    return runs[::-1]
