"""Shapes: the laws they claim to be, from even draws, with prior weights that add up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.draws import even_draws, normal, some_zero
from joulecut_planner.fits.latency_shapes import latency_shapes
from joulecut_planner.fits.power_shapes import power_shapes
from joulecut_planner.fits.shapes import Form, ShapeFamily

CORE = np.array([0.2, 0.5, 0.8, 1.0])
MEMORY = np.array([1.0, 0.5, 0.7, 1.0])


def curve(family: ShapeFamily, form: Form, k: int) -> tuple[Array, dict[str, float]]:
    """The k-th draw of a form at scale 2, and its coefficients for top clocks of 1000 and 3000 MHz."""
    draw = int(np.flatnonzero(family.form == family.forms.index(form))[k])
    values = 2.0 * np.exp(family.log_shape(family.theta[draw], CORE, MEMORY))
    return values, dict(family.coefficients(family.theta[draw], 2.0, 1000.0, 3000.0))


@pytest.mark.parametrize("family", [latency_shapes(), power_shapes()], ids=["latency", "power"])
def test_prior_weights_do_not_depend_on_the_number_of_draws(family: ShapeFamily) -> None:
    """A form with many draws weighs what its weight says: each draw carries its share."""
    weights = [np.exp(family.log_prior[family.form == index]).sum() for index in range(len(family.forms))]
    sizes = [np.count_nonzero(family.form == index) for index in range(len(family.forms))]
    assert max(weights) <= 2.0
    assert max(sizes) > 100 * max(weights)


@pytest.mark.parametrize("k", [0, 7, 31])
def test_latency_forms_are_what_they_are_called(k: int) -> None:
    """The named coefficients, put into the named law, give the curve."""
    values, c = curve(latency_shapes(), Form.AFFINE, k)
    np.testing.assert_allclose(values, c["a_s"] / CORE + c["c_s"], rtol=1e-6)
    values, c = curve(latency_shapes(), Form.POWER_LAW, k)
    np.testing.assert_allclose(values, c["a_s"] * CORE ** -c["b"] + c["c_s"], rtol=1e-6)
    values, c = curve(latency_shapes(), Form.CUBIC_SLOWDOWN, k)
    np.testing.assert_allclose(values, c["a_s"] / CORE + c["d_s"] / CORE**3 + c["c_s"], rtol=1e-6)
    values, c = curve(latency_shapes(), Form.CORNER, k)
    p = c["corner_exponent"]
    blunt = ((c["a_s"] * CORE ** -c["b"]) ** p + (c["g_s"] * MEMORY ** -c["d"]) ** p) ** (1.0 / p)
    np.testing.assert_allclose(values, blunt + c["c_s"], rtol=1e-6)


@pytest.mark.parametrize("k", [0, 7, 23])
def test_power_forms_are_what_they_are_called(k: int) -> None:
    """Static, linear, steep and memory power add up to the curve; below the knee power is linear."""
    values, c = curve(power_shapes(), Form.FREE_POWER, k)
    law = c["p0_w"] + c["p1_w"] * CORE + c["p3_w"] * CORE ** c["n"] + c["pm_w"] * MEMORY
    np.testing.assert_allclose(values, law, rtol=1e-9)
    values, c = curve(power_shapes(), Form.KNEE_POWER, k)
    steep = CORE * np.maximum(CORE, c["knee_mhz"] / 1000.0) ** (c["n"] - 1.0)
    law = c["p0_w"] + c["p1_w"] * CORE + c["p3_w"] * steep + c["pm_w"] * MEMORY
    np.testing.assert_allclose(values, law, rtol=1e-9)


def test_unknown_memory_clock_is_static_power() -> None:
    """Where memory was not swept its power cannot be told from the board's."""
    family = power_shapes()
    theta = family.theta[-1]
    swept = family.coefficients(theta, 2.0, 1000.0, 3000.0)
    unknown = family.coefficients(theta, 2.0, 1000.0, None)
    assert unknown["p0_w"] == pytest.approx(swept["p0_w"] + swept["pm_w"])
    assert "pm_w" not in unknown


def test_even_draws() -> None:
    """Every half, quarter and so on of each axis gets its share of the draws, and no two are alike."""
    draws = even_draws(512, 5)
    counts = np.stack([np.histogram(draws[:, axis], bins=16, range=(0.0, 1.0))[0] for axis in range(5)])
    assert abs(counts - 32).max() <= 4
    assert len(np.unique(draws, axis=0)) == 512


def test_quantiles() -> None:
    """Even draws become nearly normal values, or a spike at zero and even values above it."""
    even = (np.arange(2000) + 0.5) / 2000
    assert normal(even).std() == pytest.approx(1.0, abs=0.1)
    values = some_zero(0.25, 4.0, even)
    assert np.mean(values == 0.0) == pytest.approx(0.25, abs=0.001)
    assert values.max() == pytest.approx(4.0, rel=0.001)
    assert math.isclose(float(np.median(values[values > 0])), 2.0, rel_tol=0.01)
