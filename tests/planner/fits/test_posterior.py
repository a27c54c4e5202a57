"""The averaged curve equals plain Gaussian-process regression where that is all there is, and averages by evidence."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_t

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.latency_shapes import latency_shapes
from joulecut_planner.fits.posterior import NoisePrior, Samples, evidences, posterior
from joulecut_planner.fits.shapes import Form, FormDraws, ShapeFamily, family
from tests.planner.fits.boards import CORES_MHZ, latency_s

PRIOR = NoisePrior(noise=0.01, freedom=4.0, amplitudes=(2.0,), core_scale=0.5, memory_scale=0.3, shared=0.6)
CORE = np.array([0.2, 0.35, 0.6, 0.8, 1.0])
MEMORY = np.array([1.0, 0.5, 1.0, 0.5, 1.0])


def inverse_only() -> ShapeFamily:
    """The single curve A / f."""

    def log_shape(theta: Array, core: Array, memory: Array) -> Array:
        return theta[..., 0, None] - np.log(core) + 0.0 * memory

    draws = FormDraws(form=Form.INVERSE, weight=1.0, count=1, values={}, widths={})
    return family((draws,), (0.0,), log_shape, lambda *_: {})


def covariance(core: Array, memory: Array, other_core: Array, other_memory: Array) -> Array:
    """Deviations of two sets of points, written out."""
    table = np.zeros((len(core), len(other_core)))
    for i in range(len(core)):
        for j in range(len(other_core)):
            across = math.exp(-0.5 * (math.log(core[i] / other_core[j]) / 0.5) ** 2)
            memories = math.exp(-0.5 * (math.log(memory[i] / other_memory[j]) / 0.3) ** 2)
            table[i, j] = 4.0 * across * (0.6 + 0.4 * memories)
    return table


@pytest.mark.parametrize("clock", [0.0, 0.8])
def test_one_shape_is_kriging(clock: float) -> None:
    """Generalised least squares for the scale, then regression on the residuals: universal kriging by the book.

    What measurements at one core clock share is a deviation of its own.
    """
    rng = np.random.default_rng(1)
    core = np.array([0.2, 0.35, 0.35, 0.8, 1.0])
    values = 0.3 - np.log(core) + 0.05 * rng.normal(size=5)
    fit = posterior(Samples(core, MEMORY, values), inverse_only(), replace(PRIOR, clock=clock))
    new_core, new_memory = np.array([0.5, 0.8]), np.array([1.0, 1.0])
    mean, deviation, _ = fit.predict(new_core, new_memory)

    own = covariance(core, MEMORY, core, MEMORY) + np.eye(5) + clock * np.equal.outer(core, core)
    across = covariance(new_core, new_memory, core, MEMORY) + clock * np.equal.outer(new_core, core)
    inverse, one = np.linalg.inv(own), np.ones(5)
    residuals = values + np.log(core)
    scale = one @ inverse @ residuals / (one @ inverse @ one)
    expected = scale - np.log(new_core) + across @ inverse @ (residuals - scale)
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    misfit = (residuals - scale) @ inverse @ (residuals - scale)
    s2 = (4.0 * 0.01**2 + misfit) / (4.0 + 5 - 1 - 2)
    known = np.einsum("ij,jk,ik->i", across, inverse, across)
    unknown_scale = (1.0 - across @ inverse @ one) ** 2 / (one @ inverse @ one)
    np.testing.assert_allclose(deviation, np.sqrt(s2 * (1.0 + clock + 4.0 - known + unknown_scale)), rtol=1e-3)


def test_evidence_is_student_t() -> None:
    """Differences of log evidence are those of the multivariate t density, scipy's."""
    values = np.array([0.1, 0.0, -0.05, 0.02, 0.0])
    shapes = np.stack([np.zeros(5), np.linspace(0.1, -0.1, 5)])
    prior = NoisePrior(noise=0.05, freedom=4.0, amplitudes=(2.0,), core_scale=0.5, memory_scale=0.3, shared=0.6)
    (evidence,) = evidences(Samples(CORE, MEMORY, values), shapes, prior)
    logs = evidence.log_volume - 0.5 * (4.0 + 5) * np.log(4.0 * 0.05**2 + evidence.misfit)
    spread = 0.05**2 * (covariance(CORE, MEMORY, CORE, MEMORY) + np.eye(5) + 1e6)
    reference = [multivariate_t.logpdf(values, loc=shape, shape=spread, df=4) for shape in shapes]
    assert logs[0] - logs[1] == pytest.approx(reference[0] - reference[1], abs=1e-4)


def board_samples(count: int) -> Samples:
    """Evenly chosen clocks of the made-up board."""
    cores = np.array([CORES_MHZ[round(k)] for k in np.linspace(0, 7, count)])
    values = np.log([latency_s(core) for core in cores])
    return Samples(cores / 1020.0, np.ones(count), np.asarray(values, dtype=np.float64))


def test_more_measurements_are_surer() -> None:
    """The band narrows with the number of clocks, and is widest beyond the measured ones."""
    prior = NoisePrior(noise=0.003, freedom=3.0, amplitudes=(1.0, 3.0), core_scale=0.4, memory_scale=0.3, shared=0.7)
    at = np.array([0.55, 0.2])
    few, many = (posterior(board_samples(count), latency_shapes(), prior).predict(at, np.ones(2)) for count in (4, 8))
    assert many[1][0] < few[1][0] < few[1][1]


def test_weights_are_probabilities() -> None:
    """Forms share one; a law without a constant cannot explain a board with one."""
    prior = NoisePrior(noise=0.003, freedom=3.0, amplitudes=(1.0, 3.0), core_scale=0.4, memory_scale=0.3, shared=0.7)
    fit = posterior(board_samples(8), latency_shapes(), prior)
    weights = dict(zip(latency_shapes().forms, fit.form_weights().tolist(), strict=True))
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-3)
    assert weights[Form.INVERSE] < 1e-3
    assert weights[Form.CORNER] > 0.5


def test_the_same_every_time() -> None:
    """Nothing is random: two fits agree to the last bit."""
    prior = NoisePrior(noise=0.003, freedom=3.0, amplitudes=(1.0,), core_scale=0.4, memory_scale=0.3, shared=0.7)
    at = np.linspace(0.3, 1.0, 7)
    one, two = (posterior(board_samples(5), latency_shapes(), prior).predict(at, np.ones(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_leaving_samples_out_costs_no_new_inverse() -> None:
    """What is left of an evidence without some samples, and again without others, is that of the rest alone."""
    drawn = latency_shapes()
    rng = np.random.default_rng(7)
    samples = Samples(CORE, MEMORY, -np.log(CORE) + 0.05 * rng.normal(size=len(CORE)))
    shapes = drawn.log_shape(drawn.theta, CORE, MEMORY)
    rest = np.array([0, 4])
    for got, expected in zip(
        evidences(samples, shapes, PRIOR), evidences(samples.only(rest), shapes[:, rest], PRIOR), strict=True
    ):
        left = got.without(np.array([1, 3])).without(np.array([1]))
        np.testing.assert_allclose(left.precision, expected.precision, atol=1e-6)
        np.testing.assert_allclose(left.weighted, expected.weighted, atol=1e-6)
        np.testing.assert_allclose(left.misfit, expected.misfit, atol=1e-6)
        assert left.log_volume == pytest.approx(expected.log_volume, abs=1e-6)
