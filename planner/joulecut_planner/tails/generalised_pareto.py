"""The generalised Pareto distribution of excesses above a threshold, and its fit.

    P(X > x) = (1 + shape * x / scale) ** (-1 / shape)          shape 0: exp(-x / scale)

The quantile is scipy's. The fit is not `scipy.stats.genpareto.fit`: maximum likelihood promises too much of few
excesses. Of 50, with shapes from -0.2 to 0.45, fresh samples missed its far quantiles (1 % of the excesses) 1.9 to 2.2
times as often as promised, the fit used here 1.4 to 1.6 times, in a seventieth of the time; of 200 excesses 1.2 to 1.3
and 1.1 times.

Fit: J. Zhang and M. A. Stephens, "A new and efficient estimation method for the generalized Pareto
distribution" (Technometrics 51(3), 2009): the profile likelihood, averaged over a prior that the data
scale. It exists for every sample and is close to maximum likelihood where that exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array

_EXPONENTIAL = 1e-9
"""Shapes this close to 0 are 0: the formulas divide by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralisedPareto:
    """`scale` is in the samples' unit; the variance is infinite from a shape of 1/2 on."""

    shape: float
    scale: float

    def exceeded_by(self, share: float) -> float:
        """The excess that a share of all excesses, above 0 and at most 1, goes beyond."""
        # As `scipy.stats.genpareto.isf` does it; that package takes a second to import.
        from scipy.special import boxcox  # noqa: PLC0415 - other tails need no scipy

        return -self.scale * float(boxcox(share, -self.shape))


def fit_generalised_pareto(excesses: Array) -> GeneralisedPareto:
    """The distribution of excesses above a threshold; raises FitError where one is not above 0."""
    rising = np.sort(excesses)
    count = len(rising)
    if not count or not rising[0] > 0.0:
        raise FitError(f"{count} excesses, the least {rising[:1].tolist()}; expected all of them above 0")
    steps = 20 + math.isqrt(count)
    quartile = float(rising[max(0, int(count / 4 + 0.5) - 1)])
    # theta = -shape / scale, on a grid that ends where the highest excess would be impossible.
    grid = np.arange(1, steps + 1) - 0.5
    thetas = _off_zero(1.0 / rising[-1] + (1.0 - np.sqrt(steps / grid)) / (3.0 * quartile), rising)
    shapes = np.log1p(-thetas[:, np.newaxis] * rising).mean(axis=1)
    likelihood = count * (np.log(-thetas / shapes) - shapes - 1.0)
    weights = np.exp(likelihood - likelihood.max())
    theta = float(_off_zero(np.array([thetas @ weights / weights.sum()]), rising)[0])
    shape = float(np.log1p(-theta * rising).mean())
    return GeneralisedPareto(shape=shape, scale=-shape / theta)


def _off_zero(thetas: Array, excesses: Array) -> Array:
    """Where theta is 0 the distribution is exponential, and likelihood and scale are 0 / 0: step beside it."""
    least = _EXPONENTIAL / float(excesses.mean())
    beside: Array = np.where(np.abs(thetas) < least, -least, thetas)
    return beside
