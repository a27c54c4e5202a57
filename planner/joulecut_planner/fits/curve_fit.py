"""One quantity over both clocks: the averaged curve, the measurements behind it, and those left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.latency_shapes import latency_shapes
from joulecut_planner.fits.posterior import NoisePrior, Posterior, Samples, posterior
from joulecut_planner.fits.power_shapes import power_shapes
from joulecut_planner.fits.screening import LEAST_CLOCKS, LEAST_IN_ROW, Rejection, rejections
from joulecut_planner.fits.shapes import Form, ShapeFamily

_REQUESTED_NOISE = 0.008
"""Least noise where clocks were only requested."""
_REQUESTED_OFF = 0.005
"""The part of it that is the clock's, and the same at all memory clocks: what is reached is off by half a per cent."""


class Quantity(str, Enum):
    """What is fitted."""

    LATENCY = "latency_s"
    POWER = "power_w"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    prior: NoisePrior
    least_deviation: float
    """Relative deviation below which a measurement is never rejected."""
    gpu_board: NoisePrior | None = None
    """Instead of `prior` for discrete GPUs."""

    def prior_of(self, *, clocks_known: bool, on_gpu_board: bool) -> NoisePrior:
        """What to expect of a series."""
        prior = self.gpu_board if on_gpu_board and self.gpu_board is not None else self.prior
        if clocks_known:
            return prior
        own = max(prior.noise, _REQUESTED_NOISE) ** 2 - _REQUESTED_OFF**2
        return replace(prior, noise=math.sqrt(own), clock=_REQUESTED_OFF**2 / own)


# Chosen by leaving out one file of public series at a time (docs/explanation-fits.md).
_SETTINGS = {
    Quantity.LATENCY: _Settings(
        prior=NoisePrior(
            noise=0.003, freedom=3.0, amplitudes=(1.0, 3.0), core_scale=0.4, memory_scale=0.3, shared=0.7, own=0.1
        ),
        least_deviation=0.06,
        # Caches and crossbars of discrete GPUs have clocks of their own, which steps and kinks come from.
        gpu_board=NoisePrior(
            noise=0.008, freedom=3.0, amplitudes=(1.0, 3.0, 8.0), core_scale=0.4, memory_scale=0.3, shared=0.7, own=0.1
        ),
    ),
    # Wall meters and board sensors are noisier than clocks, and a load beside the measured one is not a false clock.
    Quantity.POWER: _Settings(
        prior=NoisePrior(
            noise=0.006, freedom=3.0, amplitudes=(1.0, 3.0, 8.0), core_scale=0.4, memory_scale=0.25, shared=0.5
        ),
        least_deviation=0.08,
    ),
}

LOG_ODDS_GOOD = 4.5
"""One clock in ninety is false."""

_SLOWER_ELSEWHERE = 0.5
"""What a clock that was not held at one memory clock costs at the others at most, of its cost there."""

_MOST_POINTS = 1000
"""Covariances are dense: their size is the square of this."""
_AT_ONCE = 512
"""Points predicted at once, for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFit:
    """A form's share of the average, and its likeliest coefficients with the unit in each name."""

    form: Form
    probability: float
    coefficients: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointValue:
    """A quantity at one operating point, its repeats averaged."""

    point: OperatingPoint
    value: float
    log_odds_good: float = LOG_ODDS_GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFit:
    """A fitted quantity. `rejected` holds what was left out and its relative deviation from the curve."""

    quantity: Quantity
    curve: Posterior
    top: OperatingPoint
    accepted: tuple[PointValue, ...]
    rejected: tuple[tuple[PointValue, float], ...]

    def logs(self, points: Sequence[OperatingPoint]) -> tuple[Array, Array]:
        """Mean of the log of a new measurement at each point and half-width of its band; of shape (points,)."""
        parts = [points[first : first + _AT_ONCE] for first in range(0, len(points), _AT_ONCE)]
        logs = [self.curve.predict(*_relative(part, self.top)) for part in parts]
        return np.concatenate([mean for mean, _, _ in logs]), np.concatenate([half for _, _, half in logs])

    def forms(self) -> tuple[FormFit, ...]:
        """The forms that share in the average, likeliest first."""
        weights = self.curve.form_weights()
        fits = []
        for index in np.argsort(-weights, kind="stable").tolist():
            if weights[index] > 0:
                theta, scale = self.curve.best(index)
                named = self.curve.family.coefficients(theta, scale, self.top.core_mhz, self.top.memory_mhz)
                form = self.curve.family.forms[index]
                fits.append(FormFit(form=form, probability=float(weights[index]), coefficients=named))
        return tuple(fits)

    def residuals(self) -> Array:
        """Relative deviations of the accepted measurements from the curve, in their order."""
        mean, _ = self.logs([measured.point for measured in self.accepted])
        values = np.array([measured.value for measured in self.accepted])
        residuals: Array = values / np.exp(mean) - 1.0
        return residuals


def fit_curve(
    quantity: Quantity,
    values: Sequence[PointValue],
    *,
    clocks_known: bool = True,
    clocks_checked: bool = False,
    on_gpu_board: bool = False,
) -> CurveFit:
    """Fit one quantity to measurements at distinct operating points, leaving out those that no curve explains.

    `clocks_known` is false where all clocks were requested and what was reached is unknown, `clocks_checked` true where
    a fit of the other quantity left out false ones, `on_gpu_board` true where the device is a discrete GPU.
    Raises FitError for fewer than three distinct core clocks, or more than a thousand points.
    """
    distinct = len({measured.point.core_mhz for measured in values})
    if distinct < LEAST_CLOCKS:
        raise FitError(
            f"{quantity.value} was measured at {distinct} distinct core clocks; expected {LEAST_CLOCKS} or more: "
            "measure the lowest, the highest and one between"
        )
    if len(values) > _MOST_POINTS:
        raise FitError(
            f"{quantity.value} was measured at {len(values)} operating points; "
            f"expected at most {_MOST_POINTS}: leave some out"
        )
    family, settings = _family(quantity), _SETTINGS[quantity]
    prior = settings.prior_of(clocks_known=clocks_known, on_gpu_board=on_gpu_board)
    memory = [m.point.memory_mhz for m in values if m.point.memory_mhz is not None]
    top = OperatingPoint(core_mhz=max(m.point.core_mhz for m in values), memory_mhz=max(memory, default=None))
    samples = Samples(
        *_relative([measured.point for measured in values], top),
        np.array([math.log(measured.value) for measured in values]),
    )
    out = rejections(
        samples,
        family,
        prior,
        log_odds=np.array([measured.log_odds_good for measured in values]),
        least_deviation=settings.least_deviation,
        times=quantity is Quantity.LATENCY,
        whole_clocks=not clocks_checked,
    )
    samples = _with_doubt(samples, out, prior)
    left_out = {rejection.index for rejection in out}
    kept = np.array([k for k in range(len(values)) if k not in left_out])
    return CurveFit(
        quantity=quantity,
        curve=posterior(samples.only(kept), family, prior),
        top=top,
        accepted=tuple(values[k] for k in kept.tolist()),
        rejected=tuple(_rejected(values, rejection) for rejection in out),
    )


def _with_doubt(samples: Samples, out: Sequence[Rejection], prior: NoisePrior) -> Samples:
    """Where a highest clock was not held, it may not have been at memory clocks with too few points to tell either.

    Its value without the limit is anywhere, evenly, between as measured and faster by half as much: at the other
    memory clocks less depends on the core clock.
    """
    slower = max((rejection.deviation for rejection in out if rejection.not_held), default=0.0)
    left_out = [rejection.index for rejection in out]
    alone = np.array([np.count_nonzero(samples.memory == memory) <= LEAST_IN_ROW for memory in samples.memory])
    alone &= samples.core == samples.core.max()
    alone[left_out] = False
    if slower == 0.0 or not alone.any():
        return samples
    most = _SLOWER_ELSEWHERE * slower
    return replace(
        samples,
        log_values=samples.log_values - np.where(alone, 0.5 * most, 0.0),
        variance=np.where(alone, 1.0 + most**2 / 12.0 / prior.noise**2, 1.0),
    )


def _rejected(values: Sequence[PointValue], rejection: Rejection) -> tuple[PointValue, float]:
    return values[rejection.index], math.expm1(rejection.deviation)


def _family(quantity: Quantity) -> ShapeFamily:
    return latency_shapes() if quantity is Quantity.LATENCY else power_shapes()


def _relative(points: Sequence[OperatingPoint], top: OperatingPoint) -> tuple[Array, Array]:
    core = np.array([point.core_mhz for point in points]) / top.core_mhz
    if top.memory_mhz is None:
        return core, np.ones(len(points))
    memory = np.array([top.memory_mhz if point.memory_mhz is None else point.memory_mhz for point in points])
    return core, memory / top.memory_mhz
