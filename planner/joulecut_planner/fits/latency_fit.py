"""Time of a block against the core clock, at one memory clock.

    t(f) = a * (f / f_top)^(-b) + c          a, c >= 0, 0 < b <= 3

Source: Han, Nan, Zhou, Niu, "DVFS-aware DNN inference on GPUs" (arXiv 2502.06295, 2025): a part of
the time scales with a power of the clock, the rest (memory, launches) does not. Stops being true
where another memory clock holds, and for clocks the device only claims to run at: fit on achieved
clocks, one curve for each memory clock. Least squares on relative error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.fit_quality import FitQuality, Samples, samples_of

LEAST_CLOCKS = 3
"""Fewer clocks leave the curve open; with exactly three the exponent is held at 1."""

_LARGEST_EXPONENT = 3.0
_SMALLEST_EXPONENT = 0.02
_GRID = 31
_ZOOMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFit:
    """Coefficients a and c in seconds, b without unit, for clocks relative to `top_mhz`."""

    a_s: float
    b: float
    c_s: float
    top_mhz: float
    quality: FitQuality

    def latency_s(self, core_mhz: float) -> float:
        """Seconds at a core clock; raises FitError outside the measured clocks."""
        self.quality.check_range(core_mhz)
        # Han et al. 2025, the latency model.
        return self.a_s * math.pow(core_mhz / self.top_mhz, -self.b) + self.c_s


def fit_latency(core_mhz: Sequence[float], latency_s: Sequence[float], *, top_mhz: float | None = None) -> LatencyFit:
    """Fit the DVFS-aware curve to measured seconds at achieved core clocks, all at one memory clock.

    `top_mhz` only scales the coefficients; default: the highest clock given. Raises FitError for
    fewer than three distinct clocks.
    """
    top = max(core_mhz, default=1.0) if top_mhz is None else top_mhz
    samples = samples_of(core_mhz, latency_s, top_mhz=top, quantity="latency", least_clocks=LEAST_CLOCKS)
    exponents = np.array([1.0])
    a, c, misfit = _amplitudes(samples, exponents)
    if samples.distinct > LEAST_CLOCKS:
        low, high = _SMALLEST_EXPONENT, _LARGEST_EXPONENT
        for _ in range(_ZOOMS):
            exponents = np.linspace(low, high, _GRID)
            a, c, misfit = _amplitudes(samples, exponents)
            best, step = exponents[misfit.argmin()], (high - low) / (_GRID - 1)
            low, high = max(_SMALLEST_EXPONENT, best - step), min(_LARGEST_EXPONENT, best + step)
    best_index = int(misfit.argmin())
    a_s, b, c_s = float(a[best_index]), float(exponents[best_index]), float(c[best_index])
    if a_s == 0.0:
        b = 1.0
    return LatencyFit(a_s=a_s, b=b, c_s=c_s, top_mhz=top, quality=samples.quality(a_s * samples.share**-b + c_s))


def _amplitudes(samples: Samples, exponents: Array) -> tuple[Array, Array, Array]:
    """The best non-negative a and c for each exponent, and the squared relative misfit; arrays of shape (exponents,).

    Two unknowns: where the free optimum is negative, the constrained one lies on an axis.
    """
    slope = samples.share ** -exponents[:, None] / samples.scale
    level = 1.0 / samples.scale
    target = samples.values / samples.scale
    ss, sl, ll = (slope * slope).sum(axis=1), slope @ level, float(level @ level)
    st, lt = slope @ target, float(level @ target)
    determinant = ss * ll - sl * sl
    with np.errstate(divide="ignore", invalid="ignore"):
        a_free, c_free = (ll * st - sl * lt) / determinant, (ss * lt - sl * st) / determinant
    nothing = np.zeros_like(ss)
    pairs = ((a_free, c_free), (st / ss, nothing), (nothing, nothing + lt / ll))
    candidates_a = np.stack([a for a, _ in pairs])
    candidates_c = np.stack([c for _, c in pairs])
    misfits = ((candidates_a[..., None] * slope + candidates_c[..., None] * level - target) ** 2).sum(axis=-1)
    legal = (determinant > 0) & (a_free >= 0) & (c_free >= 0)
    misfits[0] = np.where(legal, misfits[0], np.inf)
    best, column = misfits.argmin(axis=0), np.arange(len(exponents))
    return candidates_a[best, column], candidates_c[best, column], misfits[best, column]
