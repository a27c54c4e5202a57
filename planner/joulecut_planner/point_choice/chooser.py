"""Chooses operating points for a profiler: first a start, then wherever a decision is least sure.

    start (three points) -> fit with bands -> stakes at each deadline -> all below the bound? enough
          ^                                        |
          +-- measure the choice or rival whose knowledge takes most of the stakes away

Decisions are of the whole network on this device under a set of deadlines: that is what a plan's parts are shares of.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ConfigError, FitError
from joulecut_core.profiles import PointMeasurement
from joulecut_planner.fits import ClockKind, Measurement
from joulecut_planner.point_choice.outlook import Outlook, outlook
from joulecut_planner.point_choice.stakes import Stake, stakes
from joulecut_planner.point_choice.starting_points import starting_points

_LOG = logging.getLogger(__name__)

_SHARE_OF_TABLE = 4
_LEAST_POINTS = 5
_SLOWER = (1.1, 1.25, 1.5, 2.0, 3.0)
"""Deadlines where none are given, in times of the fastest run expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChoice:
    """What to measure next and why; `point` is None where nothing more has to be.

    `stakes` is empty while there is nothing to fit yet.
    """

    point: OperatingPoint | None
    stakes: tuple[Stake, ...]

    @property
    def worst_cost(self) -> float:
        """The largest cost at stake over the deadlines; infinite while there is nothing to fit yet."""
        return max((stake.cost for stake in self.stakes), default=math.inf)


class PlanPointChooser:
    """A `joulecut_core.point_choice.PointChooser` for one device's clock table.

    `deadlines_s`: what the whole network is to be decided for; empty means 1.1 to 3 times the fastest expected run.
    `regret_bound`: enough is measured when no decision is expected to give away a larger share of its energy, lateness
    counted in. `most_points`: at most so many in all; a quarter of the table, five at least, where None.
    Raises ConfigError for a bound or a deadline that is not positive, or fewer than three points.
    """

    def __init__(
        self,
        table: ClockTable,
        *,
        deadlines_s: Sequence[float] = (),
        regret_bound: float = 0.003,
        most_points: int | None = None,
    ) -> None:
        if not regret_bound > 0:
            raise ConfigError(f"regret bound is {regret_bound!r}; expected a share of the energy above 0")
        for deadline_s in deadlines_s:
            if not (math.isfinite(deadline_s) and deadline_s > 0):
                raise ConfigError(f"deadline is {deadline_s!r} s; expected a finite number above 0")
        start = starting_points(table)
        if most_points is not None and most_points < len(start):
            raise ConfigError(f"most points is {most_points}; expected {len(start)} or more: a fit needs them")
        self.most_points = (
            max(_LEAST_POINTS, len(table.points) // _SHARE_OF_TABLE) if most_points is None else most_points
        )
        self._points = table.points
        self._start = start
        self._deadlines_s = tuple(deadlines_s)
        self._bound = regret_bound

    def next_point(self, measured: Sequence[PointMeasurement]) -> OperatingPoint | None:
        """The next point to measure, or None where the bound is kept or the budget is out."""
        choice = self.choose([point.requested for point in measured], [_measurement(point) for point in measured])
        if choice.stakes:
            _LOG.info("after %d points a decision may cost %.2g %%", len(measured), 100 * choice.worst_cost)
        return choice.point

    def choose(self, requested: Sequence[OperatingPoint], measurements: Sequence[Measurement]) -> PointChoice:
        """The same for measurements of any origin; `requested[k]` is what led to `measurements[k]`."""
        left = [point for point in self._points if not any(point.matches(other) for other in requested)]
        waiting = [point for point in self._start if point in left]
        spent = len(requested) >= self.most_points or not left
        if waiting:
            return PointChoice(point=None if spent else waiting[0], stakes=())
        try:
            seen = outlook(self._points, requested, measurements)
        except FitError as error:
            # Clocks that were not reached, or a meter at zero: a further core clock is all that can help.
            _LOG.info("nothing can be predicted yet: %s", error)
            return PointChoice(point=None if spent else _furthest(left, requested), stakes=())
        deadlines_s = self._deadlines_s or tuple(float(np.exp(seen.log_latency.min())) * slower for slower in _SLOWER)
        at_stake = stakes(seen, deadlines_s)
        if spent or max(stake.cost for stake in at_stake) <= self._bound:
            return PointChoice(point=None, stakes=at_stake)
        return PointChoice(point=_most_telling(seen, at_stake), stakes=at_stake)


def _most_telling(seen: Outlook, at_stake: Sequence[Stake]) -> OperatingPoint | None:
    """The unmeasured choice or rival that leaves least at stake once it is known; None where all are measured."""
    deadlines_s = [stake.deadline_s for stake in at_stake]
    candidates = sorted({*chain.from_iterable((s.choice, s.rival) for s in at_stake)} - seen.measured)
    left = [sum(stake.cost for stake in stakes(seen.knowing(place), deadlines_s)) for place in candidates]
    return seen.points[candidates[int(np.argmin(left))]] if candidates else None


def _furthest(left: Sequence[OperatingPoint], requested: Sequence[OperatingPoint]) -> OperatingPoint:
    """The point whose core clock is furthest from all that were requested, as a ratio."""
    return max(left, key=lambda point: min(abs(math.log(point.core_mhz / other.core_mhz)) for other in requested))


def _measurement(point: PointMeasurement) -> Measurement:
    return Measurement(
        core_mhz=point.achieved.core_mhz,
        memory_mhz=point.achieved.memory_mhz,
        latency_s=point.whole_s,
        power_w=point.busy_w or None,
        clock_kind=ClockKind.ACHIEVED,
    )
