"""The CPU-DVFS model that GPU planners started from, kept as a named baseline.

    t(f) = k / f          P(f) = kappa * f^3

Source: the model that Han, Nan, Zhou, Niu 2025 (arXiv 2502.06295) replace. It has neither a share
of time that ignores the clock nor static power: measured boards are off by tens of per cent, and
its clock of least energy is always the slowest that meets the deadline. Least squares on relative error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.fit_quality import FitQuality, samples_of

LEAST_CLOCKS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuLatencyFit:
    """k in seconds at `top_mhz`."""

    k_s: float
    top_mhz: float
    quality: FitQuality

    def latency_s(self, core_mhz: float) -> float:
        """Seconds at a core clock; raises FitError outside the measured clocks."""
        self.quality.check_range(core_mhz)
        return self.k_s * self.top_mhz / core_mhz


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuPowerFit:
    """kappa in watts at `top_mhz`."""

    kappa_w: float
    top_mhz: float
    quality: FitQuality

    def power_w(self, core_mhz: float) -> float:
        """Watts at a core clock; raises FitError outside the measured clocks."""
        self.quality.check_range(core_mhz)
        return self.kappa_w * (core_mhz / self.top_mhz) ** 3


def fit_cpu_latency(
    core_mhz: Sequence[float], latency_s: Sequence[float], *, top_mhz: float | None = None
) -> CpuLatencyFit:
    """Fit k / f to measured seconds; raises FitError without measurements."""
    top = max(core_mhz, default=1.0) if top_mhz is None else top_mhz
    samples = samples_of(core_mhz, latency_s, top_mhz=top, quantity="latency", least_clocks=LEAST_CLOCKS)
    shape = 1.0 / samples.share
    k_s = _amplitude(shape / samples.scale, samples.values / samples.scale)
    return CpuLatencyFit(k_s=k_s, top_mhz=top, quality=samples.quality(k_s * shape))


def fit_cpu_power(core_mhz: Sequence[float], power_w: Sequence[float], *, top_mhz: float | None = None) -> CpuPowerFit:
    """Fit kappa * f^3 to measured watts; raises FitError without measurements."""
    top = max(core_mhz, default=1.0) if top_mhz is None else top_mhz
    samples = samples_of(core_mhz, power_w, top_mhz=top, quantity="power", least_clocks=LEAST_CLOCKS)
    shape = samples.share**3
    kappa_w = _amplitude(shape / samples.scale, samples.values / samples.scale)
    return CpuPowerFit(kappa_w=kappa_w, top_mhz=top, quality=samples.quality(kappa_w * shape))


def _amplitude(column: Array, target: Array) -> float:
    return float(column @ target / (column @ column))
