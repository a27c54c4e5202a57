"""Tails from peaks over a threshold: where the samples end, a generalised Pareto distribution goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.empirical import EmpiricalTail
from joulecut_planner.tails.generalised_pareto import GeneralisedPareto, fit_generalised_pareto
from joulecut_planner.tails.tail import TailMethod, check_enough, check_quantile

LEVEL = 0.99
"""Where the tail begins unless said otherwise."""

_LEAST_EXCESSES = 30
_REACH = 2
"""A tail is believed up to the quantile that half a sample in a series of this length is expected to exceed."""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoTail:
    """Order statistics up to `level`; above, `threshold` and the `excess` that the remaining share has.

    Needs 30 excesses (3,100 samples at a level of 0.99) and as many as half a sample of them is expected
    above the quantile asked for. Holds where the excesses are independent and of one regime; the limit theorem
    behind it (Pickands 1975, Balkema and de Haan 1974) says nothing about how high a threshold is enough.
    """

    body: EmpiricalTail
    level: float
    threshold: float
    excess: GeneralisedPareto

    @property
    def method(self) -> TailMethod:
        """Generalised Pareto."""
        return TailMethod.PARETO

    @property
    def samples(self) -> int:
        """See `Tail.samples`."""
        return self.body.samples

    @property
    def least_shape(self) -> float:
        """The shape two standard errors below the estimate, with the error of maximum likelihood."""
        return self.excess.shape - 2.0 * (1.0 + self.excess.shape) / math.sqrt(self.samples * (1.0 - self.level))

    def least_samples(self, quantile: float) -> int:
        """See `Tail.least_samples`."""
        check_quantile(quantile)
        return max(_least_for(self.level), math.ceil(1.0 / (_REACH * (1.0 - quantile)) - _ROUNDING))

    def quantile(self, quantile: float) -> float:
        """See `Tail.quantile`."""
        check_enough(self, quantile)
        if quantile <= self.level:
            return self.body.quantile(quantile)
        return self.threshold + self.excess.exceeded_by((1.0 - quantile) / (1.0 - self.level))


def fit_peaks(values: Array, *, level: float = LEVEL) -> ParetoTail:
    """The tail of samples above their quantile `level`.

    Raises FitError where fewer than 30 lie above it: too few samples, or a clock too coarse to tell them apart.
    """
    check_quantile(level)
    least = _least_for(level)
    if len(values) < least:
        raise FitError(
            f"{len(values)} samples for a generalised Pareto tail above quantile {level:g}; expected at least {least}: "
            "measure more, lower the level or take another method"
        )
    body = EmpiricalTail(ordered=tuple(np.sort(values).tolist()))
    threshold = body.quantile(level)
    excesses = values[values > threshold] - threshold
    if len(excesses) < _LEAST_EXCESSES:
        raise FitError(
            f"{len(excesses)} of {len(values)} samples lie above their quantile {level:g}, many equal to it; "
            f"expected at least {_LEAST_EXCESSES}: time with a finer clock or lower the level"
        )
    return ParetoTail(body=body, level=level, threshold=threshold, excess=fit_generalised_pareto(excesses))


def _least_for(level: float) -> int:
    return math.ceil((_LEAST_EXCESSES + 1) / (1.0 - level) - _ROUNDING)
