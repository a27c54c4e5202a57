"""A whole series: latency and power together, the clocks that are not believed, and predictions with a band.

    measurements -> one value for each operating point -> clocks not held (flat in both quantities) left out
    -> latency: false clocks left out, curve -> power: the same clocks left out, its own outliers left out, curve

What was measured at a point is the answer there, also at a clock that is not believed: whoever asks for that clock
gets what was measured, whatever the clock really was. The curves answer everywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.fits.curve_fit import LOG_ODDS_GOOD, CurveFit, PointValue, Quantity, fit_curve
from joulecut_planner.fits.measurements import ClockKind, Measurement, check_series, on_gpu_board
from joulecut_planner.fits.screening import LEAST_CLOCKS
from joulecut_planner.fits.throttling import Plateau, plateau

_LOG_ODDS_BESIDE_TRUSTED = 3.0
"""A requested clock among locked or achieved ones is false in one case in twenty."""
_FALSE_BY_POWER = 0.15
"""Power this far off the curve (relative) makes a clock suspect; less is another load beside the measured one."""
_EDGE = 1e-4
"""Clocks this close to the calibrated range (relative) are in it."""


class Doubt(str, Enum):
    """Why a calibrated clock is not believed."""

    FALSE_CLOCK = "off the curve of the other clocks: the listed clock was not in force"
    NOT_HELD = "no faster and no more power than a lower clock: not held under a power or thermal limit"
    POWER_ONLY = "power off the curve of the other clocks, latency on it: left out of the power fit only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A calibrated point that a fit left out. `deviation` is relative to the curve, None where there is none."""

    point: OperatingPoint
    doubt: Doubt
    quantity: Quantity
    deviation: float | None

    @property
    def suspect(self) -> bool:
        """Whether the clock itself is doubted."""
        return self.doubt is not Doubt.POWER_ONLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What to expect at an operating point; None where the calibration has none of that quantity.

    The band `latency_low_s` to `latency_high_s` is meant to hold nine of ten new measurements, `power_low_w` to
    `power_high_w` likewise.
    """

    point: OperatingPoint
    latency_s: float | None
    latency_low_s: float | None
    latency_high_s: float | None
    power_w: float | None
    power_low_w: float | None
    power_high_w: float | None
    suspect: bool
    extrapolated: bool
    """Outside the core clocks that the fit is based on at this memory clock, or at a memory clock without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFit:
    """Fits of one series; at least one quantity is there."""

    latency: CurveFit | None
    power: CurveFit | None
    doubted: tuple[Doubted, ...]
    plateaus: Mapping[float | None, Plateau]
    measured: tuple[Measurement, ...]
    """Repeats at one operating point averaged (geometric mean)."""

    @property
    def suspects(self) -> tuple[OperatingPoint, ...]:
        """The calibrated points whose clock is not believed."""
        return tuple(dict.fromkeys(doubted.point for doubted in self.doubted if doubted.suspect))

    def predict(self, points: Sequence[OperatingPoint], *, smooth: bool = False) -> tuple[Prediction, ...]:
        """Predictions at operating points, in their order.

        `smooth`: measured points are answered by the curve too, so that noise is averaged; suspect ones never are.
        Raises FitError for a point without memory clock where several were calibrated, and for clocks so far away that
        numbers end.
        """
        asked = [self._placed(point) for point in points]
        suspects = self.suspects
        kept = {m.point: m for m in self.measured}
        if smooth:
            kept = {at: m for at, m in kept.items() if any(at.matches(suspect) for suspect in suspects)}
        latency = self._values(self.latency, asked, kept)
        power = self._values(self.power, asked, kept)
        spans = self._spans()
        return tuple(
            Prediction(
                point=point,
                latency_s=latency[k][0],
                latency_low_s=latency[k][1],
                latency_high_s=latency[k][2],
                power_w=power[k][0],
                power_low_w=power[k][1],
                power_high_w=power[k][2],
                suspect=any(asked[k].matches(suspect) for suspect in suspects),
                extrapolated=_outside(asked[k], spans),
            )
            for k, point in enumerate(points)
        )

    def _values(
        self, fit: CurveFit | None, points: Sequence[OperatingPoint], kept: Mapping[OperatingPoint, Measurement]
    ) -> list[tuple[float, float, float] | tuple[None, None, None]]:
        if fit is None or not points:
            return [(None, None, None)] * len(points)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, half = fit.logs(points)
        as_measured: dict[int, float] = {}
        for k, point in enumerate(points):
            mean[k] = self._limited(fit.quantity, point, mean[k])
            known = next((m for at, m in kept.items() if at.matches(point)), None)
            value = None if known is None else _value(known, fit.quantity)
            if value is not None:
                mean[k], as_measured[k] = math.log(value), value
        with np.errstate(over="ignore"):
            low, high = np.exp(mean - half), np.exp(mean + half)
        if not (np.isfinite(high).all() and (low > 0.0).all()):
            worst = points[int(np.argmin(np.isfinite(high) & (low > 0.0)))]
            raise FitError(
                f"nothing can be said of {fit.quantity.value} at {worst}; expected clocks like those measured"
            )
        best = np.exp(mean)
        for k, value in as_measured.items():
            best[k] = value
        return list(zip(best.tolist(), low.tolist(), high.tolist(), strict=True))

    def _limited(self, quantity: Quantity, point: OperatingPoint, log_mean: float) -> float:
        """The curve, but above the last clock that was held no faster and no more power than measured there."""
        limit = self.plateaus.get(point.memory_mhz)
        if limit is None or point.core_mhz <= limit.last_held_mhz:
            return log_mean
        latency, power = limit.reached(np.array([point.core_mhz]))
        if quantity is Quantity.LATENCY:
            return max(log_mean, math.log(float(latency[0])))
        return min(log_mean, math.log(float(power[0])))

    def _placed(self, point: OperatingPoint) -> OperatingPoint:
        """The point among the calibrated memory clocks: None means the only one, and an unknown one is any."""
        calibrated = {m.memory_mhz for m in self.measured}
        if calibrated == {None}:
            return replace(point, memory_mhz=None)
        if point.memory_mhz is not None:
            return point
        if len(calibrated) > 1:
            raise FitError(
                f"{point} has no memory clock, and {len(calibrated)} were calibrated; expected one of "
                f"{', '.join(f'{clock:g}' for clock in sorted(c for c in calibrated if c is not None))} MHz"
            )
        return replace(point, memory_mhz=next(iter(calibrated)))

    def _spans(self) -> Mapping[float | None, tuple[float, float]]:
        """Lowest and highest core clock that the fit is based on, by memory clock."""
        fit = self.latency or self.power
        rows: dict[float | None, list[float]] = {}
        for accepted in () if fit is None else fit.accepted:
            rows.setdefault(accepted.point.memory_mhz, []).append(accepted.point.core_mhz)
        return {memory_mhz: (min(row), max(row)) for memory_mhz, row in rows.items()}


def _outside(point: OperatingPoint, spans: Mapping[float | None, tuple[float, float]]) -> bool:
    for memory_mhz, (lowest, highest) in spans.items():
        if point.matches(replace(point, memory_mhz=memory_mhz)):
            return not lowest * (1 - _EDGE) <= point.core_mhz <= highest * (1 + _EDGE)
    return True


def fit_series(measurements: Sequence[Measurement]) -> SeriesFit:
    """Fit latency and power, where measured, of one series.

    Raises FitError for several series or power scopes, memory clocks known of some only, nothing measured,
    or fewer than three distinct core clocks for a quantity that was measured.
    """
    check_series(measurements)
    measured = _merged(measurements)
    trusted, card = {m.clock_kind for m in measured} != {ClockKind.REQUESTED}, on_gpu_board(measured)
    plateaus = _plateaus(measured)
    not_held = [
        Doubted(point=m.point, doubt=Doubt.NOT_HELD, quantity=Quantity.LATENCY, deviation=None)
        for m in measured
        if (limit := plateaus.get(m.memory_mhz)) is not None and m.core_mhz > limit.first_flat_mhz
    ]
    unclear = {
        m.point
        for m in measured
        if (limit := plateaus.get(m.memory_mhz)) is not None and m.core_mhz > limit.last_held_mhz
    }
    latency_values = _point_values(measured, Quantity.LATENCY, unclear, trusted=trusted)
    latency = (
        fit_curve(Quantity.LATENCY, latency_values, clocks_known=trusted, on_gpu_board=card) if latency_values else None
    )
    false = () if latency is None else _false_clocks(latency, [])
    unclear |= {doubted.point for doubted in false}
    power_values = _point_values(measured, Quantity.POWER, unclear, trusted=trusted)
    checked = latency is not None
    power = (
        fit_curve(Quantity.POWER, power_values, clocks_known=trusted, clocks_checked=checked, on_gpu_board=card)
        if power_values
        else None
    )
    if latency is None and power is None:
        raise FitError("neither latency_s nor power_w was measured; expected one of them at three core clocks or more")
    timed = [] if latency is None else [m.point for m in latency.accepted]
    false_by_power = () if power is None else _false_clocks(power, timed)
    return SeriesFit(
        latency=latency,
        power=power,
        doubted=(*not_held, *false, *false_by_power),
        plateaus=plateaus,
        measured=measured,
    )


def _merged(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    groups: dict[OperatingPoint, list[Measurement]] = {}
    for measurement in measurements:
        at = measurement.point
        same = next((point for point in groups if point.matches(at)), at)
        groups.setdefault(same, []).append(measurement)
    merged = [
        replace(
            group[0],
            latency_s=_geometric_mean([m.latency_s for m in group]),
            power_w=_geometric_mean([m.power_w for m in group]),
        )
        for group in map(_most_trusted, groups.values())
    ]
    return tuple(sorted(merged, key=lambda m: (m.memory_mhz or 0.0, m.core_mhz)))


def _most_trusted(group: list[Measurement]) -> list[Measurement]:
    """What was measured at a clock that was really in force is not mixed with what was asked for under its name."""
    return [m for m in group if m.clock_kind is not ClockKind.REQUESTED] or group


def _geometric_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(set(known)) <= 1:
        return known[0] if known else None  # to the last bit, which its logarithm would lose
    return math.exp(sum(map(math.log, known)) / len(known))


def _plateaus(measured: Sequence[Measurement]) -> Mapping[float | None, Plateau]:
    """Flat tops by memory clock, where enough core clocks are left without them."""
    found = {}
    for memory_mhz in dict.fromkeys(m.memory_mhz for m in measured):
        row = [m for m in measured if m.memory_mhz == memory_mhz and m.latency_s is not None and m.power_w is not None]
        columns = np.array([(m.core_mhz, m.latency_s, m.power_w) for m in row], dtype=np.float64).reshape(-1, 3).T
        limit = plateau(*columns)
        if limit is not None and np.count_nonzero(columns[0] <= limit.last_held_mhz) >= LEAST_CLOCKS:
            found[memory_mhz] = limit
    return found


def _point_values(
    measured: Sequence[Measurement], quantity: Quantity, unclear: set[OperatingPoint], *, trusted: bool
) -> list[PointValue]:
    values = []
    for m in measured:
        value = _value(m, quantity)
        if value is None or m.point in unclear:
            continue
        doubtful = trusted and m.clock_kind is ClockKind.REQUESTED
        odds = _LOG_ODDS_BESIDE_TRUSTED if doubtful else LOG_ODDS_GOOD
        values.append(PointValue(point=m.point, value=value, log_odds_good=odds))
    return values


def _false_clocks(fit: CurveFit, on_the_curve: Sequence[OperatingPoint]) -> tuple[Doubted, ...]:
    """What a fit rejected; a clock whose latency is on its curve is doubted for a large deviation of power only."""
    return tuple(
        Doubted(
            point=measured.point,
            doubt=Doubt.POWER_ONLY
            if measured.point in on_the_curve and abs(deviation) < _FALSE_BY_POWER
            else Doubt.FALSE_CLOCK,
            quantity=fit.quantity,
            deviation=deviation,
        )
        for measured, deviation in fit.rejected
    )


def _value(measurement: Measurement, quantity: Quantity) -> float | None:
    return measurement.latency_s if quantity is Quantity.LATENCY else measurement.power_w
