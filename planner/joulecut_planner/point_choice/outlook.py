"""What is expected at every operating point of a table, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array
from joulecut_planner.fits import Measurement, fit_series

_BAND_DEVIATIONS = 1.645
"""Half-width of a prediction's band in standard deviations."""
_KNOWN = 1e-6
"""Standard deviation (log) of a measured point: nothing that another measurement is to take away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Logarithms of seconds and watts at each point of a table: means and standard deviations, all of shape (points,).

    Watts are those drawn while running, so joules of one run are seconds times watts.
    """

    points: tuple[OperatingPoint, ...]
    measured: frozenset[int]
    """Places in `points` that were measured."""
    log_latency: Array
    latency_deviation: Array
    log_power: Array
    power_deviation: Array

    @property
    def log_energy(self) -> Array:
        """Logarithms of the expected joules of one run."""
        energy: Array = self.log_latency + self.log_power
        return energy

    @property
    def energy_deviation(self) -> Array:
        """Standard deviations of those, the two errors taken as independent."""
        deviation: Array = np.hypot(self.latency_deviation, self.power_deviation)
        return deviation

    def knowing(self, place: int) -> Outlook:
        """The same expectations, were one more point measured."""
        latency, power = self.latency_deviation.copy(), self.power_deviation.copy()
        latency[place] = power[place] = _KNOWN
        measured = self.measured | {place}
        return replace(self, latency_deviation=latency, power_deviation=power, measured=measured)


def outlook(
    points: Sequence[OperatingPoint], requested: Sequence[OperatingPoint], measurements: Sequence[Measurement]
) -> Outlook:
    """What measurements say of a table's points; `requested[k]` is the point that led to `measurements[k]`.

    A requested point is as it was measured, whatever clock was really reached. Raises FitError where the measurements
    cannot carry a fit of both quantities.
    """
    fit = fit_series(measurements)
    if fit.latency is None or fit.power is None:
        raise FitError("seconds or watts were not measured; expected both: joules are their product")
    predictions = fit.predict(points)
    columns = [
        (p.latency_s, p.latency_low_s, p.latency_high_s, p.power_w, p.power_low_w, p.power_high_w) for p in predictions
    ]
    logs = np.log(np.array(columns, dtype=np.float64).T)
    latency, power = logs[0].copy(), logs[3].copy()
    latency_deviation = (logs[2] - logs[1]) / (2.0 * _BAND_DEVIATIONS)
    power_deviation = (logs[5] - logs[4]) / (2.0 * _BAND_DEVIATIONS)
    measured = set()
    for point, measurement in zip(requested, measurements, strict=True):
        for place in (place for place, listed in enumerate(points) if listed.matches(point)):
            measured.add(place)
            if measurement.latency_s is not None:
                latency[place], latency_deviation[place] = math.log(measurement.latency_s), _KNOWN
            if measurement.power_w is not None:
                power[place], power_deviation[place] = math.log(measurement.power_w), _KNOWN
    return Outlook(
        points=tuple(points),
        measured=frozenset(measured),
        log_latency=latency,
        latency_deviation=latency_deviation,
        log_power=power,
        power_deviation=power_deviation,
    )
