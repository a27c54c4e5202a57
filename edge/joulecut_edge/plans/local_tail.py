"""How long the edge takes to finish a request by itself from a cut on: what a deadline must leave room for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import PointMeasurement, Profile
from joulecut_planner.side_models import SideModel, side_model

_MARGIN = 1.1
"""Over the mean: a part run alone, after a pause, is slower than its share of a whole run."""
_QUANTILE = 0.99
"""Of single runs, where a service level names none."""
_LEAST_SAMPLES = 20
"""Fewer single runs say nothing about a tail."""
_QUICKER = 0.95
"""Of the seconds at the clock held: less is not worth another clock."""
_CLOCK_CHANGE_S = 0.05
"""What moving a clock may take before it has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTail:
    """Seconds from a cut to the end on this edge.

    `time_s`: at the plan's clock. `fastest_s`: at `fastest`, the change of clocks included; as long as `time_s` where
    no clock of the table is faster, and `fastest` is then None. `clocks`: each of the table with its seconds.
    """

    time_s: float
    fastest_s: float
    fastest: OperatingPoint | None = None
    clocks: tuple[tuple[OperatingPoint, float], ...] = ()

    def hurried(self, held: OperatingPoint | None, *, left_s: float) -> OperatingPoint | None:
        """The clock to change to so that the rest fits into `left_s`; None where it fits as it is, or in no way."""
        known = (time_s for point, time_s in self.clocks if held is not None and point.matches(held))
        held_s = next(known, self.time_s)
        return self.fastest if self.fastest_s <= left_s < held_s else None

    def quickest(self, held: OperatingPoint | None) -> OperatingPoint | None:
        """The clock that takes least; None where the one held hardly takes longer, or what that takes is not known."""
        held_s = next((time_s for point, time_s in self.clocks if held is not None and point.matches(held)), None)
        if held_s is None:
            return None
        point, least_s = min(self.clocks, key=lambda each: each[1])
        return point if least_s < _QUICKER * held_s else None


def local_tail(
    profile: Profile,
    cut: int,
    clock: OperatingPoint | None,
    *,
    quantile: float | None = None,
    factor: float = 1.0,
) -> LocalTail:
    """The rest from `cut` on as the edge's profile has it, with a margin for single runs that are slower.

    `clock` None: under the board's governor, taken for its slowest clock where the profile never saw it. `factor`:
    what live requests showed on top of the profile. Raises FitError or ProfileError where it cannot carry a model.
    """
    model = side_model(profile)
    means_s = [float(mean_s) for mean_s in model.time_s[profile.last_cut] - model.time_s[cut]]
    slower = factor * max(_MARGIN, _slowness(profile.points, quantile or _QUANTILE))
    fastest = min(range(len(means_s)), key=means_s.__getitem__)
    held = _index(model, clock)
    mean_s = _governed_s(profile, model, slowest_s=max(means_s)) if held is None else means_s[held]
    time_s = slower * mean_s
    fastest_s = slower * means_s[fastest] + _CLOCK_CHANGE_S
    clocks = tuple((point, slower * mean_s) for point, mean_s in zip(model.points, means_s, strict=True))
    if fastest_s >= time_s:
        return LocalTail(time_s=time_s, fastest_s=time_s, clocks=clocks)
    return LocalTail(time_s=time_s, fastest_s=fastest_s, fastest=model.points[fastest], clocks=clocks)


def _index(model: SideModel, clock: OperatingPoint | None) -> int | None:
    if clock is None:
        return None
    return next((index for index, point in enumerate(model.points) if point.matches(clock)), None)


def _slowness(points: tuple[PointMeasurement, ...], quantile: float) -> float:
    """The slowest of the points' quantiles of single runs over their means; 1 where no samples are kept."""
    kept = [point for point in points if len(point.samples_s) >= _LEAST_SAMPLES]
    return max((float(np.quantile(point.samples_s, quantile)) / point.whole_s for point in kept), default=1.0)


def _governed_s(profile: Profile, model: SideModel, *, slowest_s: float) -> float:
    """The rest's share of what the whole takes under the governor, the slowest rate measured counting."""
    if not profile.governed:
        return slowest_s
    whole_s = float(model.time_s[profile.last_cut].max())
    return max(each.latency_s for each in profile.governed) * slowest_s / whole_s
