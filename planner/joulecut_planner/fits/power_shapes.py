"""Shapes of power while computing against both clocks.

    P(x, y) / p0 = 1 + u^2 x + v^2 x max(x, knee)^(n-1) + w^2 y

Static power is in every form: without it the slowest clock always looks cheapest. Below the knee the voltage
stays at its floor and power is linear in the clock. Watts of one power scope only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.draws import between, even_draws, some_zero
from joulecut_planner.fits.shapes import Form, FormDraws, ShapeFamily, family

_U, _V, _N, _KNEE, _W = range(5)
_RESTING = (0.0, 0.0, 3.0, 0.0, 0.0)
_HIGHEST = 3.0
"""Largest u and v: dynamic power of up to nine times the static."""
_N_RANGE = (2.0, 6.0)
"""Measured boards follow 2 to 4; a knee high up the clock table looks like a larger one."""
_KNEE_RANGE = (0.35, 0.95)
_HIGHEST_W = 1.2
_NO_MEMORY = 0.3
_GOLDEN = 0.6180339887


@lru_cache(maxsize=1)
def power_shapes() -> ShapeFamily:
    """The forms of power, and their draws; the memory clock counts in most draws of every form."""
    forms = (
        _form(Form.LINEAR_POWER, 0.3, 24, free=(_U,)),
        _form(Form.CUBIC_POWER, 1.0, 128, free=(_U, _V)),
        _form(Form.FREE_POWER, 1.0, 256, free=(_U, _V, _N)),
        _form(Form.KNEE_POWER, 0.1, 128, free=(_U, _V, _N, _KNEE)),
    )
    return family(forms, _RESTING, _log_shape, _coefficients)


def _form(form: Form, weight: float, count: int, *, free: tuple[int, ...]) -> FormDraws:
    draws = even_draws(count, len(free))
    memory = np.asarray((np.arange(count) * _GOLDEN + 0.31) % 1.0, dtype=np.float64)
    values: dict[int, Array | float] = {_W: some_zero(_NO_MEMORY, _HIGHEST_W, memory)}
    widths = {_W: 0.5}
    for position, column in enumerate(free):
        if column in {_U, _V}:
            values[column], widths[column] = _HIGHEST * draws[:, position] ** 2, 1.5
        else:
            low, high = _N_RANGE if column == _N else _KNEE_RANGE
            values[column], widths[column] = between(low, high, draws[:, position]), 0.3 * (high - low)
    return FormDraws(form=form, weight=weight, count=count, values=values, widths=widths)


def _log_shape(theta: Array, core: Array, memory: Array) -> Array:
    u, v, n, knee, w = (theta[..., column, None] for column in range(5))
    steep = core * np.maximum(core, knee) ** (np.clip(n, 1.2, 8.0) - 1.0)
    shape: Array = np.log(1.0 + u**2 * core + v**2 * steep + w**2 * memory)
    return shape


def _coefficients(theta: Array, scale: float, top_core_mhz: float, top_memory_mhz: float | None) -> Mapping[str, float]:
    u, v, n, knee, w = theta.tolist()
    named = {"p0_w": scale, "p1_w": scale * u * u, "p3_w": scale * v * v, "n": min(max(n, 1.2), 8.0)}
    if knee > 0:
        named["knee_mhz"] = knee * top_core_mhz
    if top_memory_mhz is None:
        named["p0_w"] += scale * w * w
    else:
        named |= {"pm_w": scale * w * w, "top_memory_mhz": top_memory_mhz}
    return named | {"top_core_mhz": top_core_mhz}
