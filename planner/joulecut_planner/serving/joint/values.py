"""What waiting, launching, changing the clock and giving up are worth: a semi-Markov decision process, solved.

State: the clock held, how many wait, and the age of the oldest. Actions: run all that wait, in one of the ways;
run as many as still can; hold another clock; let the oldest go; wait a step. Costs: joules, idle draw included, a
price per miss, and a small one per second of waiting, so that nobody waits for next to nothing. The answer
minimises the long-run cost a second while the load is as forecast; the load is believed to last for a while
only, so that a clock changes when that pays back within it.

Relative value iteration: one sweep values what follows a batch of any duration by the law of arrivals, then every
launch, then waiting from the oldest age backwards, which is exact within the sweep since ages only rise. The cost
a second is raised or lowered until a free queue is worth what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.joint.arrival_law import ArrivalLaw
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.sweep import Prices, Sweep, Swept

_MOST_SWEEPS = 60
_LAG = 4
"""Sweeps between two looks at those whom a launch leaves behind: they are few, and dear to value."""
_HASTE = 5.0
"""How much of a steady drift is taken ahead."""
_PRECISION = 1e-3
"""Sweeps end when the cost a second is known to this share, and values to twenty times that."""


@dataclass(frozen=True, slots=True)
class Values:
    """The solution for one load: the cost a second in the long run, prices included, and the last sweep."""

    cost_w: float
    swept: Swept


def solve(grid: DecisionGrid, law: ArrivalLaw, prices: Prices, start: Values | None = None) -> Values:
    """The best decisions under a law of arrivals made for the grid's steps, ages and room.

    `start` is a solution of a like problem of the same grid, to start from.
    """
    sweep = Sweep(grid, law, prices)
    relative = np.zeros((grid.states, grid.most + 1, grid.ages)) if start is None else start.swept.relative
    settled = relative if start is None else start.swept.settled
    cost_w = float(grid.idle_w.min()) if start is None else start.cost_w
    # Some seconds that pass between two visits of a free queue; where they are too few, the cost a second swings.
    visit_s = cycle_s = min(1.0 / law.rate_hz + grid.deadline_s, prices.lasting_s)
    before_j = 0.0
    seen, seen_w, drift_j = relative, cost_w, np.zeros(grid.states)
    behind = law.moves[grid.partial_steps, grid.partial_left]
    partial = grid.partial_launches(behind, relative)
    for turn in range(1, _MOST_SWEEPS + 1):
        swept = sweep.run(relative, settled, cost_w, partial)
        rise_j = float(swept.relative[:, 0, 0].min())
        relative, settled = swept.relative - rise_j, swept.settled - rise_j
        cycle_s = min(cycle_s * 2.0, 6.0 * visit_s) if rise_j * before_j < 0.0 else cycle_s * 0.85
        before_j = rise_j
        cost_w += rise_j / cycle_s
        if turn % _LAG == 0:
            if abs(cost_w - seen_w) < _PRECISION * cost_w and _same(relative, seen, prices.lone_j):
                break
            drift_j, drifted_j = (relative - seen)[:, 0, 0], drift_j
            steady = np.abs(drift_j - drifted_j) < 0.2 * np.abs(drift_j)
            # A clock that costs a little more a second drifts away a little each sweep, until it pays to change it.
            ahead_j = np.where(steady, _HASTE * drift_j, 0.0)[:, None, None]
            relative, settled = relative + ahead_j, settled + ahead_j
            seen, seen_w = relative, cost_w
            partial = grid.partial_launches(behind, relative)
    return Values(cost_w, sweep.run(relative, settled, cost_w, partial))


def _same(one: Array, other: Array, lone_j: float) -> bool:
    """Whether values are as good as equal where queues are not about to overflow."""
    common = one.shape[1] // 2 + 1
    tolerance_j = 20.0 * _PRECISION * (lone_j + np.abs(other[:, :common]))
    return bool((np.abs(one[:, :common] - other[:, :common]) <= tolerance_j).all())
