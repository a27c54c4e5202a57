"""What an estimate of a tail is, whichever way it was made, and when it may be believed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array


class TailMethod(str, Enum):
    """How a quantile is estimated from samples."""

    GAUSSIAN = "gaussian"
    """Mean and spread of a normal distribution."""
    CANTELLI = "cantelli"
    """The least quantile that no distribution of that mean and spread exceeds."""
    EMPIRICAL = "empirical"
    """An order statistic of the samples themselves."""
    PARETO = "pareto"
    """The samples themselves up to a threshold, a generalised Pareto distribution of the excesses above it."""


class Tail(Protocol):
    """An estimated distribution, asked for quantiles above its median. Values are in the samples' unit."""

    @property
    def method(self) -> TailMethod:
        """How it was estimated."""
        ...

    @property
    def samples(self) -> int:
        """How many samples are behind it."""
        ...

    def least_samples(self, quantile: float) -> int:
        """How many samples that quantile needs."""
        ...

    def quantile(self, quantile: float) -> float:
        """The value that this share of the distribution stays at or below; never falls as the share rises.

        Raises FitError where the share is not between 0.5 and 1, or where there are too few samples for it.
        """
        ...


def check_quantile(quantile: float) -> None:
    """Raise FitError unless a quantile is one that a margin can be for."""
    if not 0.5 < quantile < 1.0:
        raise FitError(f"quantile {quantile!r}; expected more than 0.5 and less than 1")


def check_enough(tail: Tail, quantile: float) -> None:
    """Raise FitError unless `tail` has the samples that `quantile` needs."""
    check_quantile(quantile)
    least = tail.least_samples(quantile)
    if tail.samples < least:
        raise FitError(
            f"{tail.samples} samples for the {tail.method.value} estimate of quantile {quantile:g}; "
            f"expected at least {least}: measure more, ask for a lower quantile or take another method"
        )


def sample_array(samples: Sequence[float] | Array, *, least: int) -> Array:
    """Samples as one row of numbers; raises FitError where they are too few or not finite."""
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or len(values) < least:
        raise FitError(f"samples of shape {values.shape}; expected one row of at least {least}: measure more")
    if not np.isfinite(values).all():
        raise FitError("samples hold NaN or an infinity; expected finite numbers: leave failed runs out")
    return values
