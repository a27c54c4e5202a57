"""Measurements that no curve of the family explains beside the others: clocks that were not what they were called.

Each operating point, and each core clock over all memory clocks, is left out in turn; where that accuses
nobody though no draw comes near, each pair of points too, since two false clocks hide each other from a look
at one. If the others predict a group worse than a wide guess does, by more than the prior odds of false clocks,
the one with the most evidence against it is rejected, and the rest is looked at again. All draws of the family
vote by how well they explain the others, in closed form (Rasmussen and Williams 2006, equations 5.10 to 5.12).

Boards throttle at the top: the highest core clock of a memory clock is also tried as one that was *not held*, slower
than its curve by less than half, which is likelier beforehand than any other false clock and says more. Only of grids:
along one memory clock the corner of a network bound by memory looks the same.

Watts have a knee, above which the voltage rises, and few clocks below show little of it. So more watts than the others
expect at the highest clock are the board's, and believed; and so are watts that are off at one core clock over all
memory clocks, where times said that the clock was in force.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fits.posterior import Evidence, NoisePrior, Samples, evidences
from joulecut_planner.fits.shapes import ShapeFamily

LEAST_CLOCKS = 3
"""Core clocks that a fit keeps, whatever is believed of them."""
LEAST_IN_ROW = 2
"""Points that each memory clock keeps: of fewer nobody knows which is wrong."""

_LEAST_BESIDE_PAIR = 4
"""Core clocks that a pair is judged by: three leave a curve too free to accuse two others."""
_MOST_FOR_PAIRS = 20
"""Points up to which pairs are looked at: their number is the square, and among many two hide nothing."""
_FAR = 4.0
"""Noises that measurements are off the nearest draw where something must be false."""

_WIDE = math.log(2.0 * math.log(3.0))
"""Log width of the wide guess: a false clock's value is anywhere from a third to three times the curve's."""
_SLOWEST = 0.4
"""Log deviation up to which a clock that was not held is slower than its curve."""
_LOG_ODDS_HELD = 3.0
"""The highest clock is not held in one series of twenty."""
_ALIKE = math.log(1.0 / (0.04 * math.sqrt(2.0 * math.pi)))
"""A clock that is false at one memory clock is off by the same at the others, to 4 %."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected sample, and its log deviation from the curve through the others: positive where it is higher."""

    index: int
    deviation: float
    not_held: bool = False
    """Rejected as a highest clock that ended at a lower one."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples that may be false together, and how many clocks would have to be false for it."""

    samples: Indices
    clocks: int
    not_held: bool = False


@dataclass(frozen=True, slots=True)
class _Suspicion:
    log_odds: float
    group: _Group
    deviations: Array


def rejections(
    samples: Samples,
    family: ShapeFamily,
    prior: NoisePrior,
    *,
    log_odds: Array,
    least_deviation: float,
    times: bool,
    whole_clocks: bool = True,
) -> tuple[Rejection, ...]:
    """The samples to leave out of a fit, most suspicious first.

    `log_odds` (points,): log of how much likelier than not each sample is good before it is seen. Deviations below
    `least_deviation` (relative) are noise whatever the evidence. Three core clocks, and two points at each memory
    clock concerned, are always kept. `times`: the values are times, not watts. `whole_clocks`: whether a core clock may
    be false at all memory clocks.
    """
    log_values = samples.log_values - samples.log_values.mean()
    shapes = family.log_shape(family.theta, samples.core, samples.memory)
    seen = evidences(replace(samples, log_values=log_values), shapes - shapes.mean(axis=1, keepdims=True), prior)
    kept = np.arange(len(samples.core))
    found: list[Rejection] = []
    while len(np.unique(samples.core[kept])) > LEAST_CLOCKS:
        left = Samples(samples.core[kept], samples.memory[kept], log_values[kept])
        groups = _single_groups(left)
        groups += _clock_groups(left) if whole_clocks else []
        groups += _top_groups(left) if times else []
        may_rise = None if times else float(samples.core.max())
        worst = _worst(left, seen, family, prior, groups, log_odds[kept], least_deviation, may_rise)
        if worst is None:
            break
        found += [
            Rejection(int(kept[k]), deviation, worst.group.not_held)
            for k, deviation in zip(worst.group.samples.tolist(), worst.deviations.tolist(), strict=True)
        ]
        kept = np.delete(kept, worst.group.samples)
        seen = tuple(evidence.without(worst.group.samples) for evidence in seen)
    return tuple(found)


def _worst(
    samples: Samples,
    seen: tuple[Evidence, ...],
    family: ShapeFamily,
    prior: NoisePrior,
    groups: list[_Group],
    log_odds: Array,
    least_deviation: float,
    may_rise: float | None,
) -> _Suspicion | None:
    """The group with the most evidence against it, if any; at core clock `may_rise` a higher value is believed."""
    everything = float(
        _log_total([_log_weights(family, e.log_volume, e.misfit, len(samples.core), prior) for e in seen])
    )
    nearest = min(float(evidence.misfit.min()) for evidence in seen) / len(samples.core)
    looks = [groups]
    if nearest > (_FAR * prior.noise) ** 2 and len(samples.core) <= _MOST_FOR_PAIRS:
        looks.append([_Group(np.array(pair), 2) for pair in combinations(range(len(samples.core)), 2)])
    worst: _Suspicion | None = None
    for look in looks:
        judged = _judgeable(look, samples)
        for group, others in zip(judged, _evidence_of_others(judged, seen, family, prior), strict=True):
            against = _guess(group) - (everything - others) - group.clocks * _log_odds_good(group, log_odds)
            if against <= (0.0 if worst is None else worst.log_odds):
                continue
            deviations = _deviations(group.samples, seen, family, prior)
            apart = deviations if group.not_held else np.abs(deviations)
            if (samples.core[group.samples] == may_rise).any() and deviations.max() > 0.0:
                continue
            if apart.min() > least_deviation:
                worst = _Suspicion(against, group, deviations)
        if worst is not None:
            break
    return worst


def _evidence_of_others(
    groups: list[_Group], seen: tuple[Evidence, ...], family: ShapeFamily, prior: NoisePrior
) -> list[float]:
    """Log evidence of all samples but each group."""
    answers: dict[int, float] = {}
    for size in {len(group.samples) for group in groups}:
        places = [k for k, group in enumerate(groups) if len(group.samples) == size]
        left_out = np.stack([groups[k].samples for k in places])
        totals = _log_total([weights for weights, _ in _without(left_out, seen, family, prior)])
        answers |= dict(zip(places, totals.tolist(), strict=True))
    return [answers[k] for k in range(len(groups))]


def _deviations(group: Indices, seen: tuple[Evidence, ...], family: ShapeFamily, prior: NoisePrior) -> Array:
    """A group's mean log deviations from what the others predict."""
    left = _without(group[np.newaxis], seen, family, prior)
    total = _log_total([weights for weights, _ in left])
    mean: Array = np.sum([apart[0] @ np.exp(weights[0] - total[0]) for weights, apart in left], axis=0)
    return mean


def _without(
    left_out: Indices, seen: tuple[Evidence, ...], family: ShapeFamily, prior: NoisePrior
) -> list[tuple[Array, Array]]:
    """What is left of each evidence without groups of one size, shape (groups, size).

    Log weights of all draws for the others, (groups, draws), and the groups' log deviations from each, (groups, size,
    draws).
    """
    left = []
    for evidence in seen:
        block = evidence.precision[left_out[:, :, None], left_out[:, None, :]]
        weighted = evidence.weighted.T[left_out]
        apart = np.linalg.inv(block) @ weighted
        misfit = np.maximum(evidence.misfit - (weighted * apart).sum(axis=1), 0.0)
        log_volume = evidence.log_volume - 0.5 * np.linalg.slogdet(block)[1]
        count = len(evidence.precision) - left_out.shape[1]
        left.append((_log_weights(family, log_volume[:, None], misfit, count, prior), apart))
    return left


def _guess(group: _Group) -> float:
    """Log density of a group's values where it is false, at the wide guess."""
    width = math.log(_SLOWEST) if group.not_held else _WIDE
    return -group.clocks * width + (len(group.samples) - group.clocks) * _ALIKE


def _log_odds_good(group: _Group, log_odds: Array) -> float:
    least = float(log_odds[group.samples].min())
    return min(least, _LOG_ODDS_HELD) if group.not_held else least


def _single_groups(samples: Samples) -> list[_Group]:
    return [_Group(np.array([k]), 1) for k in range(len(samples.core))]


def _clock_groups(samples: Samples) -> list[_Group]:
    """Each core clock over all memory clocks."""
    if len(np.unique(samples.memory)) == 1:
        return []
    columns = (np.flatnonzero(samples.core == clock) for clock in np.unique(samples.core))
    return [_Group(column, 1) for column in columns if len(column) > 1]


def _top_groups(samples: Samples) -> list[_Group]:
    """The highest core clock of each memory clock, where it is the highest of all."""
    if len(np.unique(samples.memory)) == 1:
        return []
    top = np.flatnonzero(samples.core == samples.core.max())
    return [_Group(np.array([k]), 1, not_held=True) for k in top.tolist()]


def _judgeable(groups: list[_Group], samples: Samples) -> list[_Group]:
    """Those without which enough is left to judge them by."""
    core, memory = samples.core.tolist(), samples.memory.tolist()
    at_core, at_memory = Counter(core), Counter(memory)
    judged = []
    for group in groups:
        out = group.samples.tolist()
        less_core, less_memory = Counter(core[k] for k in out), Counter(memory[k] for k in out)
        others = len(at_core) - sum(at_core[clock] == count for clock, count in less_core.items())
        least = LEAST_CLOCKS if group.clocks == 1 else _LEAST_BESIDE_PAIR
        in_rows = all(at_memory[clock] - count >= LEAST_IN_ROW for clock, count in less_memory.items())
        if others >= least and in_rows:
            judged.append(group)
    return judged


def _log_weights(family: ShapeFamily, log_volume: Array | float, misfit: Array, count: int, prior: NoisePrior) -> Array:
    """Log evidence of each draw for `count` samples, constants included: Student-t; draws are the last axis."""
    expected = prior.freedom * prior.noise**2
    half = 0.5 * (prior.freedom + count)
    constant = math.lgamma(half) - math.lgamma(0.5 * prior.freedom) - 0.5 * count * math.log(math.pi * expected)
    log_weights: Array = family.log_prior + constant + log_volume - half * np.log1p(misfit / expected)
    return log_weights


def _log_total(log_weights: list[Array]) -> Array:
    """Log of the sum over amplitudes and draws."""
    top = np.max([weights.max(axis=-1) for weights in log_weights], axis=0)
    total: Array = top + np.log(sum(np.exp(weights - top[..., None]).sum(axis=-1) for weights in log_weights))
    return total
