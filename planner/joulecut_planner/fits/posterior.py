"""What measurements of one quantity say of every curve of a family at once, in closed form.

    log value_i = log A + log shape(theta; x_i, y_i) + deviation(x_i, y_i) + noise_i

Noise is normal with an unknown variance s^2 that has a scaled inverse chi-square prior. The deviation is a
smooth Gaussian process over the logarithms of both clocks with standard deviation `amplitude` * s: no law is exact,
and what neighbouring clocks have in common is kept. The scale A is free. For a fixed shape everything is
conjugate: weights are Student-t evidences, predictions linear. The few best draws are then *polished*: around
each the shape is linearised over the draw's neighbourhood (Gauss-Newton), which fills the gaps between draws.
The answer averages all of them by their evidence: the evidence is what cross-validation estimates, the product
of the densities of each measurement given those before, so simpler forms win unless the others predict better.

Source: Bayesian model averaging with conjugate linear models, Hoeting, Madigan, Raftery, Volinsky,
"Bayesian model averaging: a tutorial", Statistical Science 14 (1999); Gaussian processes: Rasmussen and Williams,
"Gaussian processes for machine learning" (2006), equations 2.23 to 2.27 and 2.41.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fits.band import band
from joulecut_planner.fits.shapes import ShapeFamily

_FREE_SCALE = 1e6
"""Variance of log A in units of s^2: as good as unknown, small enough for float64."""
_POLISHED = 64
_LEAST_POLISHED = 4
_DRAWS_TIMES_POINTS = 500
"""Draws polished times points: of many points few draws explain all, and memory stays small."""
_ROUNDS = 2
_FURTHEST = 3.0
"""Neighbourhood widths that polishing may move a draw by."""
_STEP = 1e-6
"""Of the parameters, for their derivatives: rounding and curvature both cost less than one in 10^5."""
_NEGLIGIBLE = 1e-5
_SAME = 1e-3
"""Memory clocks this close, in lengths of the deviations, are one."""
_SAME_CORE = 1e-4
"""Core clocks this close (relative) are one: drivers round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePrior:
    """What is expected of noise and deviations before a series is seen; learned over public series."""

    noise: float
    """Relative standard deviation of one measurement."""
    freedom: float
    """How many measurements that expectation is worth."""
    amplitudes: tuple[float, ...]
    """Deviations from a law, in units of the noise; averaged over."""
    core_scale: float
    """Length over log core clock within which deviations are alike."""
    memory_scale: float
    shared: float
    """Share of the deviations' variance that all memory clocks have in common."""
    own: float = 0.0
    """Variance of what is each memory clock's own, beside the others': no bandwidth follows its clock exactly."""
    clock: float = 0.0
    """Variance, in units of the noise's, of what all measurements at a core clock share: the clock that was reached."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Distinct operating points relative to the highest, and the logarithms of the values there; shapes (points,)."""

    core: Array
    memory: Array
    log_values: Array
    variance: Array | None = None
    """Noise of each, in units of the others' s^2; None where all are alike."""

    def only(self, kept: Indices) -> Samples:
        """Some of the points."""
        variance = None if self.variance is None else self.variance[kept]
        return Samples(self.core[kept], self.memory[kept], self.log_values[kept], variance)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All draws against the samples under one amplitude of the deviation."""

    precision: Array
    """Inverse covariance of the samples in units of s^2, scale A included; shape (points, points)."""
    weighted: Array
    """Precision times residuals, shape (draws, points)."""
    misfit: Array
    """Residuals' squared length under that precision, shape (draws,)."""
    log_volume: float
    """-1/2 log determinant of the covariance."""

    def without(self, left_out: Indices) -> Evidence:
        """The same draws against the other samples alone, for the square of their number and not for its cube.

        Rasmussen and Williams 2006, equation A.12, read backwards: the others' covariance is a block of the whole one.
        """
        kept = np.delete(np.arange(len(self.precision)), left_out)
        block = self.precision[np.ix_(left_out, left_out)]
        beside = self.precision[np.ix_(left_out, kept)]
        weighted = self.weighted[:, left_out]
        apart = np.linalg.solve(block, weighted.T)
        return Evidence(
            precision=self.precision[np.ix_(kept, kept)] - beside.T @ np.linalg.solve(block, beside),
            weighted=self.weighted[:, kept] - apart.T @ beside,
            misfit=np.maximum(self.misfit - (weighted.T * apart).sum(axis=0), 0.0),
            log_volume=self.log_volume - 0.5 * float(np.linalg.slogdet(block)[1]),
        )


def evidences(samples: Samples, log_shapes: Array, prior: NoisePrior) -> tuple[Evidence, ...]:
    """Evidence of every draw, one entry for each amplitude; `log_shapes` is of shape (draws, points)."""
    residuals = samples.log_values - log_shapes
    answers = []
    for amplitude in prior.amplitudes:
        covariance = _covariance(samples, amplitude, prior)
        precision = _inverse(covariance)
        weighted = residuals @ precision
        misfit = np.maximum((weighted * residuals).sum(axis=1), 0.0)
        answers.append(Evidence(precision, weighted, misfit, -0.5 * float(np.linalg.slogdet(covariance)[1])))
    return tuple(answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Polished:
    """The best draws under one amplitude, linearised where they fit best."""

    amplitude: float
    centre: Array
    start: Array
    spread: Array
    gradient: Array
    """Derivatives of the shape times the neighbourhood's variances, shape (draws, points, parameters)."""
    precision: Array
    weighted: Array
    misfit: Array
    weight: Array
    form: Indices

    def only(self, kept: NDArray[np.bool_]) -> _Polished:
        """Some of the draws."""
        return replace(
            self,
            centre=self.centre[kept],
            start=self.start[kept],
            spread=self.spread[kept],
            gradient=self.gradient[kept],
            precision=self.precision[kept],
            weighted=self.weighted[kept],
            misfit=self.misfit[kept],
            weight=self.weight[kept],
            form=self.form[kept],
        )


@dataclass(frozen=True, slots=True)
class Posterior:
    """The averaged curve of one quantity, ready to predict."""

    family: ShapeFamily
    prior: NoisePrior
    samples: Samples
    offset: float
    polished: tuple[_Polished, ...]

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the predictive distribution."""
        return self.prior.freedom + len(self.samples.core) - 1

    def predict(self, core: Array, memory: Array) -> tuple[Array, Array, Array]:
        """Mean, standard deviation and half-width of the band of the log of a new measurement at relative clocks.

        Each of shape (points,).
        """
        means, variances = [], []
        for group in self.polished:
            log_shape, jacobian = _slopes(self.family, group.centre, core, memory)
            shape = log_shape + np.einsum("knp,kp->kn", jacobian, group.start - group.centre)
            kernel = group.amplitude**2 * _likeness(core, memory, self.samples.core, self.samples.memory, self.prior)
            kernel += self.prior.clock * _same_core(core, self.samples.core)
            across = kernel + _FREE_SCALE + jacobian @ np.swapaxes(group.gradient, 1, 2)
            known = np.einsum("kin,kin->ki", across @ group.precision, across)
            unlike = self.prior.clock + group.amplitude**2 * (1.0 + self.prior.own)
            own = 1.0 + unlike + _FREE_SCALE + (jacobian**2 * group.spread[:, None, :] ** 2).sum(axis=2)
            s2 = (self.prior.freedom * self.prior.noise**2 + group.misfit) / (self.degrees - 2.0)
            means.append(shape + np.einsum("kin,kn->ki", across, group.weighted))
            variances.append(s2[:, None] * np.maximum(own - known, 1.0))
        weights = np.concatenate([group.weight for group in self.polished])
        mean, deviation, half = band(
            weights / weights.sum(), np.concatenate(means), np.concatenate(variances), self.degrees
        )
        return mean + self.offset, deviation, half

    def form_weights(self) -> Array:
        """Probability of each form of the family, shape (forms,)."""
        weights = np.zeros(len(self.family.forms))
        for group in self.polished:
            np.add.at(weights, group.form, group.weight)
        return weights

    def best(self, form: int) -> tuple[Array, float]:
        """The likeliest parameters of a form and their scale A."""
        group, k = max(
            ((group, int(k)) for group in self.polished for k in np.flatnonzero(group.form == form)),
            key=lambda found: float(found[0].weight[found[1]]),
        )
        theta = group.centre[k]
        residuals = self.samples.log_values - self.family.log_shape(theta, self.samples.core, self.samples.memory)
        return theta, float(np.exp(residuals.mean() + self.offset))


def posterior(samples: Samples, family: ShapeFamily, prior: NoisePrior) -> Posterior:
    """Average the family's curves over what the samples leave open."""
    offset = float(samples.log_values.mean())
    centred = replace(samples, log_values=samples.log_values - offset)
    shapes = family.log_shape(family.theta, samples.core, samples.memory)
    coarse = evidences(centred, shapes - shapes.mean(axis=1, keepdims=True), prior)
    ranks = np.stack([family.log_prior + _log_weight(e.log_volume, e.misfit, centred, prior) for e in coarse])
    count = min(_POLISHED, max(_LEAST_POLISHED, _DRAWS_TIMES_POINTS // len(samples.core)))
    chosen = np.argsort(-ranks.max(axis=0), kind="stable")[:count]
    at_start = _slopes(family, family.theta[chosen], centred.core, centred.memory)
    groups = [_polish(centred, family, prior, chosen, amplitude, at_start) for amplitude in prior.amplitudes]
    top = max(float(group.weight.max()) for group in groups)
    weights = [np.exp(group.weight - top) for group in groups]
    total = sum(float(weight.sum()) for weight in weights)
    polished = [
        replace(group, weight=weight / total).only(weight > _NEGLIGIBLE)
        for group, weight in zip(groups, weights, strict=True)
        if (weight > _NEGLIGIBLE).any()
    ]
    return Posterior(family, prior, centred, offset, tuple(polished))


def _polish(
    samples: Samples,
    family: ShapeFamily,
    prior: NoisePrior,
    chosen: Indices,
    amplitude: float,
    at_start: tuple[Array, Array],
) -> _Polished:
    """Gauss-Newton from the chosen draws, each kept near its start; weights are still logarithms."""
    start, spread = family.theta[chosen], family.spread[chosen]
    rigid = _covariance(samples, amplitude, prior)
    known = _inverse(rigid)
    unit = np.eye(spread.shape[1])

    def linearise(centre: Array, slopes: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
        """Slopes by neighbourhood, those under `known`, how well they are told apart, and what is left to explain."""
        shape, jacobian = slopes
        slope = jacobian * spread[:, None, :]
        across = np.swapaxes(slope, 1, 2) @ known
        residuals: Array = samples.log_values - shape - np.einsum("knp,kp->kn", jacobian, start - centre)
        return slope, across, unit + across @ slope, residuals

    centre = start
    slope, across, told, residuals = linearise(centre, at_start)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(told, np.einsum("kpn,kn->kp", across, residuals)[..., None])[..., 0]
        centre = start + spread * np.clip(step, -_FURTHEST, _FURTHEST)
        slope, across, told, residuals = linearise(centre, _slopes(family, centre, samples.core, samples.memory))
    # Woodbury: the parameters' part of the covariance has low rank.
    precision = known - np.swapaxes(across, 1, 2) @ np.linalg.solve(told, across)
    weighted = np.einsum("kij,kj->ki", precision, residuals)
    misfit = np.maximum((weighted * residuals).sum(axis=1), 0.0)
    log_volume = -0.5 * (np.linalg.slogdet(rigid)[1] + np.linalg.slogdet(told)[1])
    return _Polished(
        amplitude=amplitude,
        centre=centre,
        start=start,
        spread=spread,
        gradient=slope * spread[:, None, :],
        precision=precision,
        weighted=weighted,
        misfit=misfit,
        weight=family.log_prior[chosen] + _log_weight(log_volume, misfit, samples, prior),
        form=family.form[chosen],
    )


def _log_weight(log_volume: Array | float, misfit: Array, samples: Samples, prior: NoisePrior) -> Array:
    """Log evidence up to a constant: Student-t in the misfit, the scale A taking one degree of freedom."""
    half = 0.5 * (prior.freedom + len(samples.core) - 1)
    log_weight: Array = log_volume - half * np.log(prior.freedom * prior.noise**2 + misfit)
    return log_weight


def _inverse(covariance: Array) -> Array:
    return np.asarray(np.linalg.inv(covariance), dtype=np.float64)


def _covariance(samples: Samples, amplitude: float, prior: NoisePrior) -> Array:
    likeness = _likeness(samples.core, samples.memory, samples.core, samples.memory, prior)
    noise = np.eye(len(samples.core)) if samples.variance is None else np.diag(samples.variance)
    clock = prior.clock * _same_core(samples.core, samples.core)
    covariance: Array = amplitude**2 * likeness + clock + noise + _FREE_SCALE
    return covariance


def _same_core(core: Array, other_core: Array) -> Array:
    """1 where the core clocks are one, else 0; shape (points, other points)."""
    same: Array = (np.abs(np.log(core)[:, None] - np.log(other_core)) < _SAME_CORE).astype(np.float64)
    return same


def _likeness(core: Array, memory: Array, other_core: Array, other_memory: Array, prior: NoisePrior) -> Array:
    """How much deviations at two operating points have in common, 0 to 1 + own; shape (points, other points)."""
    across_core = (np.log(core)[:, None] - np.log(other_core)) / prior.core_scale
    across_memory = (np.log(memory)[:, None] - np.log(other_memory)) / prior.memory_scale
    likeness: Array = np.exp(-0.5 * across_core**2) * (
        prior.shared
        + (1.0 - prior.shared) * np.exp(-0.5 * across_memory**2)
        + prior.own * (np.abs(across_memory) < _SAME)
    )
    return likeness


def _slopes(family: ShapeFamily, theta: Array, core: Array, memory: Array) -> tuple[Array, Array]:
    """Log shape of each draw, (draws, points), and its derivatives by differences, (draws, points, parameters)."""
    shape = family.log_shape(theta, core, memory)
    ahead = family.log_shape(theta[:, None, :] + _STEP * np.eye(theta.shape[1]), core, memory)
    return shape, np.swapaxes(ahead - shape[:, None, :], 1, 2) / _STEP
