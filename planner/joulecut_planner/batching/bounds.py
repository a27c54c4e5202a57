"""What every schedule costs at least: each edge by itself, in the fullest batch that it could ever be in.

No edge costs less than it does at home or in some slot that its own option opens, with the batch's
joules divided by as many as the tables take and the slot is open to; no later start is cheaper with the
same edges in it. The sum over edges is below every feasible schedule.
"""

from __future__ import annotations

import numpy as np

from joulecut_planner.batching.options import Case
from joulecut_planner.batching.slots import slots_of
from joulecut_planner.choices.grids import Array


def floors(case: Case, server_points: list[int]) -> Array:
    """The least joules of each edge at these server points, of shape (edges,); infinite where it cannot be served."""
    slots = slots_of(case, server_points)
    open_to = np.isfinite(slots.cost_j).sum(axis=0)
    shared_j = slots.batch_j / np.minimum(case.sizes[slots.size], np.maximum(open_to, 1))
    floor_j: Array = np.minimum(case.home_j, (slots.cost_j + shared_j).min(axis=1, initial=np.inf))
    return floor_j
