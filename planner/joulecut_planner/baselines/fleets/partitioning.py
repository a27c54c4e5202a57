"""The partition of an edge whose clock and share are settled, by a penalty convex-concave procedure.

The edge takes its partitions in parts y >= 0 that sum to 1. What is wanted but not convex is written as a
difference of convex functions whose second half is replaced by its tangent at the last answer y':

    y - y^2 <= 0                   becomes   (1 - 2 y') y + y'^2 <= slack
    z * sqrt(variance . y)         becomes   z * (sqrt(v') + (variance . y - v') / (2 sqrt(v'))),   v' = variance . y'

so that every step is a linear programme; the slack costs more from step to step until y is whole (Lipp and
Boyd, Variations and extension of the convex-concave procedure, 2016). It ends in a stationary point, which
need not be the best partition. Nor need it be whole, where a mixture of a partition in time and a late one is
just in time itself. One of its parts is in time, as a tangent lies above the root for each of them; the
largest of those is taken. With clocks and shares settled all partitions could as well be tried: `best` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.baselines.fleets.device_tables import Seen
from joulecut_planner.choices.grids import Array

_STEPS = 20

_FIRST_PENALTY = 0.05
_GROWTH = 1.6
"""Of the penalty, from step to step; relative to how far the watts lie apart."""

_LATE_PENALTY = 2000.0
"""Of lateness by the whole deadline, in times of the penalty: a partition in time is never given up to be whole."""

_WHOLE = 1e-6

_SOMETHING = 1e-4
"""A smaller part of an answer is the solver's tolerance."""


@dataclass(frozen=True, slots=True)
class Parted:
    """The partition that is taken, whether the procedure ended in it alone, and how many linear programmes it took."""

    partition: int
    is_whole: bool
    steps: int


def best(seen: Seen, deadline_s: float, z: float) -> int:
    """The cheapest partition in time at given resources, else the least late."""
    bound_s = seen.bound_s(z)
    in_time = bound_s <= deadline_s
    return int(np.where(in_time, seen.power_w, np.inf).argmin()) if in_time.any() else int(bound_s.argmin())


def stationary(seen: Seen, deadline_s: float, z: float) -> int:
    """The partition that the procedure ends in."""
    return partitioned(seen, deadline_s, z).partition


def partitioned(seen: Seen, deadline_s: float, z: float) -> Parted:
    """A stationary point at given resources, from an even mixture of all partitions that take a finite time."""
    able = np.flatnonzero(np.isfinite(seen.mean_s) & np.isfinite(seen.power_w))
    power_w, unit_s = seen.power_w[able], deadline_s if np.isfinite(deadline_s) else 1.0
    programme = _Programme(
        cost=(power_w - power_w.min()) / (float(np.ptp(power_w)) or 1.0),
        mean=seen.mean_s[able] / unit_s,
        variance=(z / unit_s) ** 2 * seen.variance_s2[able],
        is_timed=bool(np.isfinite(deadline_s)),
    )
    taken, penalty, is_whole, steps = np.full(able.size, 1.0 / able.size), _FIRST_PENALTY, False, 0
    while steps < _STEPS and not is_whole:
        found = programme.step(taken, penalty)
        steps += 1
        if found is None:
            break
        is_whole = float((found * (1.0 - found)).max()) <= _WHOLE and float(np.abs(found - taken).max()) <= _WHOLE
        taken, penalty = found, penalty * _GROWTH
    in_time = seen.bound_s(z)[able] <= deadline_s * (1.0 + _WHOLE)
    timely = np.where(in_time & (taken > _SOMETHING), taken, 0.0)
    return Parted(int(able[timely.argmax() if timely.any() else taken.argmax()]), is_whole, steps)


@dataclass(frozen=True, slots=True)
class _Programme:
    """What all steps share, arrays of shape (partitions,): times in deadlines, z in the variance, cost from 0 to 1."""

    cost: Array
    mean: Array
    variance: Array
    is_timed: bool

    def step(self, last: Array, penalty: float) -> Array | None:
        """The parts after one step from `last`; None where the solver finds none."""
        from scipy.optimize import linprog  # noqa: PLC0415 - not every plan needs it

        parts = last.size
        # Columns: the parts, a slack for each, and the lateness.
        whole = np.hstack([np.diag(1.0 - 2.0 * last), -np.eye(parts), np.zeros((parts, 1))])
        rules, most = [whole], [-(last**2)]
        if self.is_timed:
            # sqrt(v') + (v - v') / (2 sqrt(v')) is sqrt(v') / 2 + v / (2 sqrt(v')).
            deviation = max(float(np.sqrt(self.variance @ last)), 1e-150)
            slopes = self.mean + self.variance / (2.0 * deviation)
            rules.append(np.concatenate([slopes, np.zeros(parts), [-1.0]])[None, :])
            most.append(np.array([1.0 - 0.5 * deviation]))
        found = linprog(
            np.concatenate([self.cost, np.full(parts, penalty), [_LATE_PENALTY * penalty]]),
            A_ub=np.vstack(rules),
            b_ub=np.concatenate(most),
            A_eq=np.concatenate([np.ones(parts), np.zeros(parts + 1)])[None, :],
            b_eq=np.ones(1),
            bounds=(0.0, None),
            method="highs",
        )
        if found.status != 0 or found.x is None:
            return None
        return np.clip(found.x[:parts], 0.0, 1.0)
