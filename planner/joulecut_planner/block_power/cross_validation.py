"""What a regressor is worth on blocks it has not seen, told in three ways.

    plain     every metered row is in one of ten folds by chance: the same block at another clock, or its twin
              in the same network, is among what was learned. The published form, and the flattering one
    grouped   all rows of a network are in one fold: what a new network meets
    shorter   grouped, learned from the longer half of the metered rows and judged on the shorter half: what it is
              used for, since blocks without watts of their own are the shortest ones

Whole networks are checked in the grouped way only: the joules of all blocks of a network that was left out,
metered or not, against one metered run of the whole. It is the only evidence of blocks that were never metered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.errors import FitError
from joulecut_planner.block_power.regressors import Candidate, fit_regressor
from joulecut_planner.block_power.rows import BlockRows, block_rows
from joulecut_planner.block_power.scores import Scores, scores_of
from joulecut_planner.choices.grids import Array

FOLDS = 10

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeErrors:
    """How far the sum of predicted blocks is from the metered whole, relative, over networks, batches and points."""

    wholes: int
    mean: float
    rms: float
    median: float
    p95: float
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """One candidate's scores. `mean` of `whole` has a sign: above 0 the blocks add up to more than the whole."""

    candidate: Candidate
    plain: Scores
    grouped: Scores
    shorter: Scores
    whole: WholeErrors

    @property
    def error(self) -> float:
        """What candidates are chosen by: the relative errors on short blocks and on wholes, root of their squares."""
        return math.hypot(self.shorter.rms_error, self.whole.rms)


def cross_validate(
    candidate: Candidate, measured: Sequence[BlockMeasurements], *, folds: int = FOLDS, seed: int = 0
) -> CrossValidation:
    """Scores of a candidate on the blocks of some networks, all of one device.

    Grouped folds are as many as there are networks where that is less than `folds`. Raises FitError for fewer than
    two networks or folds, or too few metered blocks.
    """
    rows = block_rows(measured, candidate.features)
    if folds < 2 or len(rows.networks) < 2:
        raise FitError(
            f"{folds} folds, {len(rows.networks)} networks; expected at least two of each: measure another network"
        )
    metered = rows.metered()
    plain_w = _predicted(candidate, metered, _by_chance(len(metered), folds, seed), seed)
    grouped_w = _predicted(candidate, rows, _by_network(rows, folds), seed)
    short = metered.time_s <= np.median(metered.time_s)
    shorter_w = _predicted(candidate, metered, _by_network(metered, folds), seed, learned=~short)
    known = np.isfinite(rows.power_w)
    return CrossValidation(
        candidate=candidate,
        plain=scores_of(plain_w, metered.power_w, metered.point),
        grouped=scores_of(grouped_w[known], metered.power_w, metered.point),
        shorter=scores_of(shorter_w[short], metered.power_w[short], metered.point[short]),
        whole=_whole_errors(grouped_w * rows.time_s, measured),
    )


def _predicted(
    candidate: Candidate, rows: BlockRows, folds: Iterator[_Mask], seed: int, *, learned: _Mask | None = None
) -> Array:
    """Watts of each row, of a fit to the rows of all other folds; of those only the `learned` ones where given."""
    usable = np.ones(len(rows), dtype=np.bool_) if learned is None else learned
    power_w = np.full(len(rows), np.nan)
    for left_out in folds:
        fitted = fit_regressor(candidate, rows.take(~left_out & usable), seed=seed)
        power_w[left_out] = fitted.power_w(rows.take(left_out))
    return power_w


def _by_chance(rows: int, folds: int, seed: int) -> Iterator[_Mask]:
    fold = np.random.default_rng(seed).permutation(rows) % folds
    return (fold == each for each in range(min(folds, rows)))


def _by_network(rows: BlockRows, folds: int) -> Iterator[_Mask]:
    """Networks dealt to folds, the largest first, each to the fold with the fewest rows."""
    sizes = np.bincount(rows.network, minlength=len(rows.networks))
    dealt: list[list[int]] = [[] for _ in range(min(folds, len(sizes)))]
    for network in np.argsort(-sizes, kind="stable"):
        min(dealt, key=lambda fold: sum(sizes[member] for member in fold)).append(int(network))
    return (np.isin(rows.network, fold) for fold in dealt if fold)


def _whole_errors(block_j: Array, measured: Sequence[BlockMeasurements]) -> WholeErrors:
    """`block_j`: predicted joules in the order of `block_rows`."""
    wholes = [(point.whole_j, len(each.blocks)) for each in measured for point in each.points]
    ends = np.cumsum([blocks for _, blocks in wholes])
    sums = np.array([part.sum() for part in np.split(block_j, ends[:-1])])
    errors = sums / np.array([whole_j for whole_j, _ in wholes]) - 1.0
    return WholeErrors(
        wholes=len(errors),
        mean=float(errors.mean()),
        rms=float(np.sqrt((errors**2).mean())),
        median=float(np.median(np.abs(errors))),
        p95=float(np.quantile(np.abs(errors), 0.95)),
        worst=float(np.abs(errors).max()),
    )
