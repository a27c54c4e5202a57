"""What each model expects at every operating point, from a few calibrated clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut.reproduction.series import Series, SeriesPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_planner.fits import Measurement, fit_series
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency, fit_cpu_power
from joulecut_planner.fits.latency_fit import fit_latency
from joulecut_runtime.profiling.plan import span

CALIBRATION_CLOCKS = 4
"""Core clocks of each memory clock that a model gets to see."""


class Model(str, Enum):
    """The models that are compared."""

    CPU_DVFS = "cpu-dvfs"
    """t = k / f and P = kappa f^3: the model that the paper replaces."""
    HAN = "han2025"
    """t = a f^-b + c (the paper's latency model) with P = kappa f^3 as before."""
    JOULECUT = "joulecut"
    """joulecut's fits of latency and of power, which has a static part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a model expects at an operating point."""

    point: OperatingPoint
    latency_s: float
    energy_j: float


def calibration(series: Series) -> tuple[SeriesPoint, ...]:
    """The points that a model is fitted to: a few core clocks of each memory clock, lowest and highest among them."""
    return tuple(
        each
        for memory_mhz in series.memory_clocks_mhz
        for each in span(series.at_memory(memory_mhz), CALIBRATION_CLOCKS)
    )


def forecasts(model: Model, known: Sequence[SeriesPoint], points: Sequence[OperatingPoint]) -> tuple[Forecast, ...]:
    """A model fitted to `known`, asked about `points`.

    CPU_DVFS and HAN know no memory clock: all of `known` counts as one curve. Raises FitError where
    there are too few points.
    """
    if model is Model.JOULECUT:
        return _joulecut(known, points)
    cores = [each.point.core_mhz for each in known]
    seconds = [each.latency_s for each in known]
    latency = fit_latency(cores, seconds) if model is Model.HAN else fit_cpu_latency(cores, seconds)
    power = fit_cpu_power(cores, [each.power_w for each in known])
    return tuple(
        Forecast(
            point=point,
            latency_s=(time_s := latency.latency_s(point.core_mhz)),
            energy_j=time_s * power.power_w(point.core_mhz),
        )
        for point in points
    )


def _joulecut(known: Sequence[SeriesPoint], points: Sequence[OperatingPoint]) -> tuple[Forecast, ...]:
    fitted = fit_series(
        [
            Measurement(
                core_mhz=each.point.core_mhz,
                memory_mhz=each.point.memory_mhz,
                latency_s=each.latency_s,
                power_w=each.power_w,
            )
            for each in known
        ]
    )
    return tuple(
        Forecast(
            point=each.point, latency_s=each.latency_s or 0.0, energy_j=(each.latency_s or 0.0) * (each.power_w or 0.0)
        )
        for each in fitted.predict(points)
    )
