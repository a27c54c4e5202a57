"""How many to run together where arrivals keep a beat: the batch of least cost a request that fills and ends in time.

The values of `joint.values` forget, with each launch, when the last request came. Where gaps hardly vary the next
arrivals are as good as known, and so is the course of things: n gather, run while the next n come, and so on. For
each n
    filling    (n - 1) gaps, and by how much they may be longer
    running    no longer than what is left of the oldest's time, nor than n gaps
    cost       joules beyond those of resting meanwhile, over n

That is at the clock held. Where clocks change quickly the values of `joint.values` may do better by another one:
there it goes only by a beat that costs no more than they foresee.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.joint.ways import Ways

BEAT = 0.25
"""Arrivals keep a beat where gaps vary by less than this share of their mean."""
_CERTAINTY = 2.0
"""Standard deviations by which the next may be late and still be waited for."""
_LEAST_MARGIN = 0.02
"""Of a gap: forecast rates are never quite true."""
_QUICK = 0.25
"""Of the deadline: a change of the clock that takes no longer is quick."""
_TOLERANCE = 1.05
"""What is foreseen for the nearest of few rates is not exact for this one."""
_STEP = 0.01
"""Rates and variations closer than this count as the same."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The batch to gather, 0 for none, and what a request then costs beyond the least idle draw."""

    batch: int
    extra_j: float


class Beats:
    """For one table's ways and one deadline."""

    def __init__(self, ways: Ways, deadline_s: float) -> None:
        self._time_s = ways.time_s
        idle_w: Array = np.array(ways.idle_w)
        sizes = np.arange(1, ways.time_s.shape[2] + 1)
        self._sizes: Array = sizes.astype(np.float64)
        self._cost_j: Array = (ways.energy_j - idle_w[:, None, None] * ways.time_s) / sizes
        """Shape (states, ways, sizes): a request's share."""
        self._idle_w: Array = idle_w - idle_w.min()
        self._quick = ways.switch_s <= _QUICK * deadline_s
        self._deadline_s = deadline_s
        self._beat = lru_cache(maxsize=256)(self._found)

    def batch(self, state: int, rate_hz: float, variation: float, usual_j: float) -> int:
        """The batch to gather at a clock held; 0 where none keeps up with the arrivals, or others cost less.

        `variation`: standard deviation of the gaps over their mean. `usual_j`: joules of a request beyond the least
        idle draw that the values foresee.
        """
        beat = self._beat(state, round(math.log(rate_hz) / _STEP), math.ceil(variation / _STEP))
        return 0 if self._quick and beat.extra_j > _TOLERANCE * usual_j else beat.batch

    def _found(self, state: int, log_rate: int, variation: int) -> Beat:
        gap_s = math.exp(-log_rate * _STEP)
        margin = margin_gaps(variation * _STEP)
        filling_s = gap_s * (self._sizes - 1.0 + margin * np.sqrt(self._sizes))
        most_s = np.minimum(self._deadline_s - filling_s, gap_s * self._sizes)
        cost_j = np.where(self._time_s[state] <= most_s, self._cost_j[state], np.inf).min(axis=0)
        best = int(cost_j.argmin())
        extra_j = float(cost_j[best] + gap_s * self._idle_w[state])
        return Beat(best + 1 if math.isfinite(extra_j) else 0, extra_j)


def margin_gaps(variation: float) -> float:
    """By how many gaps the next may be late and still be waited for."""
    return max(_CERTAINTY * variation, _LEAST_MARGIN)
