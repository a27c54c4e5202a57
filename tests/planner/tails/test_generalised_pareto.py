"""The generalised Pareto distribution and its fit, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.generalised_pareto import GeneralisedPareto, fit_generalised_pareto


def drawn(shape: float, count: int, seed: int) -> Array:
    """Excesses of scale 2."""
    rng = np.random.default_rng(seed)
    return np.asarray(stats.genpareto.rvs(shape, scale=2.0, size=count, random_state=rng), dtype=np.float64)


@given(st.floats(1e-6, 2.0) | st.floats(-0.9, -1e-6) | st.just(0.0), st.floats(1e-6, 1e3), st.floats(1e-6, 1.0))
def test_excess_is_scipys(shape: float, scale: float, share: float) -> None:
    """The same quantile function, for bounded, exponential and heavy tails."""
    ours = GeneralisedPareto(shape=shape, scale=scale).exceeded_by(share)
    assert ours == pytest.approx(stats.genpareto.isf(share, shape, scale=scale), rel=1e-6, abs=1e-9 * scale)


@pytest.mark.parametrize("shape", [1e-300, 1e-12, -1e-12, 1e-8, -1e-8])
def test_shapes_near_zero_are_exponential(shape: float) -> None:
    """Where the formula would divide by next to nothing, the limit stands in its place, without a step."""
    exponential = GeneralisedPareto(shape=0.0, scale=2.0).exceeded_by(0.001)
    assert GeneralisedPareto(shape=shape, scale=2.0).exceeded_by(0.001) == pytest.approx(exponential, rel=1e-6)


@pytest.mark.parametrize("shape", [-0.4, -0.2, 0.0, 0.3, 0.6, 1.0])
def test_parameters_are_found_again(shape: float) -> None:
    """Of 2,000 excesses shape and scale come back within four standard errors of maximum likelihood."""
    fit = fit_generalised_pareto(drawn(shape, 2000, seed=3))
    assert fit.shape == pytest.approx(shape, abs=4 * (1 + shape) / 2000**0.5)
    assert fit.scale == pytest.approx(2.0, rel=0.15)


def test_close_to_maximum_likelihood() -> None:
    """On one ordinary sample the estimate and scipy's maximum likelihood give nearly the same far quantile."""
    excesses = drawn(0.25, 1000, seed=5)
    shape, _, scale = stats.genpareto.fit(excesses, floc=0.0)
    ours = fit_generalised_pareto(excesses).exceeded_by(0.01)
    assert ours == pytest.approx(stats.genpareto.isf(0.01, shape, scale=scale), rel=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_small_samples_always_have_a_fit(seed: int) -> None:
    """Thirty excesses give finite parameters, also where the likelihood has no maximum."""
    fit = fit_generalised_pareto(drawn(-0.9 if seed % 2 else 1.5, 30, seed))
    assert np.isfinite([fit.shape, fit.scale]).all()
    assert fit.scale > 0


def test_equal_excesses() -> None:
    """A clock too coarse to tell excesses apart gives a bounded tail, not a failure."""
    fit = fit_generalised_pareto(np.full(30, 0.001))
    assert 0.0005 < fit.exceeded_by(0.01) < 0.01


def test_scale_follows_the_unit() -> None:
    """Seconds or milliseconds: the shape stays, the scale follows."""
    excesses = drawn(0.2, 200, seed=1)
    seconds, milliseconds = fit_generalised_pareto(excesses), fit_generalised_pareto(1e3 * excesses)
    assert milliseconds.shape == pytest.approx(seconds.shape)
    assert milliseconds.scale == pytest.approx(1e3 * seconds.scale)


@pytest.mark.parametrize("excesses", [[], [0.0, 1.0], [-1.0, 1.0]])
def test_what_is_no_excess_is_refused(excesses: list[float]) -> None:
    """Excesses are above the threshold."""
    with pytest.raises(FitError, match="expected all of them above 0"):
        fit_generalised_pareto(np.array(excesses))
