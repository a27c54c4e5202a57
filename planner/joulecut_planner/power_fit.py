"""Power while computing against the core clock, at one memory clock.

    P(f) = p0 + p1 * x + p3 * x^n,    x = f / f_top,    all >= 0,    n = 3 unless the data say otherwise

The static term p0 is what moves the clock of least energy away from the slowest one; the papers'
kappa * f^3 has none (`joulecut_planner.cpu_dvfs_fit`). Measured boards: 1-3 % error, fitted n from
2 to 4. Watts of one power scope only. Least squares on relative error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from joulecut_planner.fit_quality import FitQuality, Samples, samples_of
from joulecut_planner.grids import Array

LEAST_CLOCKS = 3
CUBIC = 3.0
EXPONENTS = (2.0, 2.5, 3.0, 3.5, 4.0, 6.0, 8.0)
"""Measured boards follow 2 to 4; a knee high up the clock table looks like a larger one."""

_CLEARLY_BETTER = 0.75
"""Another exponent replaces the cubic where it leaves less than this share of the cubic's error."""
_CLOCKS_TO_CHOOSE = 5
"""With fewer clocks than this a freer exponent fits noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFit:
    """Coefficients in watts for clocks relative to `top_mhz`."""

    p0_w: float
    p1_w: float
    p3_w: float
    exponent: float
    top_mhz: float
    quality: FitQuality

    def power_w(self, core_mhz: float) -> float:
        """Watts at a core clock; raises FitError outside the measured clocks."""
        self.quality.check_range(core_mhz)
        share = core_mhz / self.top_mhz
        return self.p0_w + self.p1_w * share + self.p3_w * math.pow(share, self.exponent)


def fit_power(
    core_mhz: Sequence[float],
    power_w: Sequence[float],
    *,
    top_mhz: float | None = None,
    exponent: float | None = CUBIC,
) -> PowerFit:
    """Fit the power curve to measured watts at achieved core clocks, all at one memory clock.

    `exponent` None: the cubic, or the best of `EXPONENTS` where five clocks or more clearly favour it.
    Raises FitError for fewer than three distinct clocks.
    """
    top = max(core_mhz, default=1.0) if top_mhz is None else top_mhz
    samples = samples_of(core_mhz, power_w, top_mhz=top, quantity="power", least_clocks=LEAST_CLOCKS)
    if exponent is not None:
        return _fit(samples, top, exponent)
    cubic = _fit(samples, top, CUBIC)
    if samples.distinct < _CLOCKS_TO_CHOOSE:
        return cubic
    free = min((_fit(samples, top, candidate) for candidate in EXPONENTS), key=lambda fit: fit.quality.rms_error)
    return free if free.quality.rms_error < _CLEARLY_BETTER * cubic.quality.rms_error else cubic


def _fit(samples: Samples, top_mhz: float, exponent: float) -> PowerFit:
    x = samples.share
    columns = np.stack([np.ones_like(x), x, x**exponent], axis=1)
    p0, p1, p3 = _non_negative(columns / samples.scale[:, None], samples.values / samples.scale)
    return PowerFit(
        p0_w=p0,
        p1_w=p1,
        p3_w=p3,
        exponent=exponent,
        top_mhz=top_mhz,
        quality=samples.quality(columns @ np.array([p0, p1, p3])),
    )


def _non_negative(columns: Array, target: Array) -> tuple[float, float, float]:
    """Least squares with three coefficients of at least 0.

    The constrained optimum is the free one on the columns it uses, so trying every subset finds it.
    """
    best, least = np.zeros(3), float(target @ target)
    for size in (3, 2, 1):
        for used in combinations(range(3), size):
            chosen = columns[:, used]
            coefficients = np.linalg.lstsq(chosen, target, rcond=None)[0]
            residual = chosen @ coefficients - target
            misfit = float(residual @ residual)
            if (coefficients >= 0).all() and misfit < least:
                best, least = np.zeros(3), misfit
                best[list(used)] = coefficients
    return float(best[0]), float(best[1]), float(best[2])
