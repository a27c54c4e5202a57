"""Shapes of time against both clocks.

    t(x, y) / A = ( x^(-b p) + (r y^(-d))^p )^(1/p) + gamma^2 max(1, r) + e x^(-3)

A *smooth maximum* of computing and memory traffic: a network is many kernels, some bound by one and some by
the other, so the corner is blunt (p about 2); a single kernel's can be sharp. a f^-b + c is the case r = 0
(Han, Nan, Zhou, Niu, arXiv 2502.06295, 2025, the latency model). x^(-3) is for devices whose lowest
clocks are slower than 1/f says. The widths of the priors were learned from public series of TX2, AGX Xavier, Orin
Nano and two discrete GPUs (docs/explanation-fits.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.fits.draws import between, even_draws, normal, some_zero
from joulecut_planner.fits.shapes import Form, FormDraws, ShapeFamily, family

_LOG_B, _LOG_R, _LOG_P, _GAMMA, _LOG_D, _LOG_E = range(6)
_NEVER = -20.0
"""Log of a share that counts for nothing."""
_RESTING = (0.0, _NEVER, math.log(8.0), 0.0, 0.0, _NEVER)

_B_WIDTH = 0.05
"""Standard deviation of log b beside a memory term; alone, b has to explain that term too and is freer."""
_LONE_B_WIDTH = 0.1
_D_WIDTH = 0.2
_R_RANGE = (-3.5, 2.5)
_BLUNT_SHARE, _BLUNT, _BLUNT_WIDTH = 0.75, 2.2, 0.45
_SHARP_RANGE = (5.0, 50.0)
_HIGHEST_GAMMA = 0.84
_NO_FLOOR = 0.4
"""Share of the corner form's draws without a constant."""
_E_RANGE = (-6.0, -1.5)


@lru_cache(maxsize=1)
def latency_shapes() -> ShapeFamily:
    """The forms of latency, and their draws."""
    affine, lone, corner, slow = even_draws(32, 1), even_draws(128, 2), even_draws(1024, 5), even_draws(64, 2)
    forms = (
        FormDraws(form=Form.INVERSE, weight=0.05, count=1, values={}, widths={}),
        FormDraws(form=Form.AFFINE, weight=1.0, count=32, values={_GAMMA: 1.8 * affine[:, 0]}, widths={_GAMMA: 0.5}),
        FormDraws(
            form=Form.POWER_LAW,
            weight=1.0,
            count=128,
            values={_LOG_B: _LONE_B_WIDTH * normal(lone[:, 0]), _GAMMA: 1.5 * lone[:, 1]},
            widths={_LOG_B: _LONE_B_WIDTH, _GAMMA: 0.4},
        ),
        FormDraws(
            form=Form.CORNER,
            weight=2.0,
            count=1024,
            values={
                _LOG_B: _B_WIDTH * normal(corner[:, 0]),
                _LOG_R: between(*_R_RANGE, corner[:, 1]),
                _LOG_P: _corner_sharpness(corner[:, 2]),
                _GAMMA: some_zero(_NO_FLOOR, _HIGHEST_GAMMA, corner[:, 3]),
                _LOG_D: _D_WIDTH * normal(corner[:, 4]),
            },
            widths={_LOG_B: _B_WIDTH, _LOG_R: 1.8, _LOG_P: 1.0, _GAMMA: 0.25, _LOG_D: _D_WIDTH},
        ),
        FormDraws(
            form=Form.CUBIC_SLOWDOWN,
            weight=0.3,
            count=64,
            values={_GAMMA: 0.7 * slow[:, 0], _LOG_E: between(*_E_RANGE, slow[:, 1])},
            widths={_GAMMA: 0.2, _LOG_E: 1.3},
        ),
    )
    return family(forms, _RESTING, _log_shape, _coefficients)


def _corner_sharpness(draws: Array) -> Array:
    blunt = math.log(_BLUNT) + _BLUNT_WIDTH * normal(draws / _BLUNT_SHARE)
    rest = np.clip((draws - _BLUNT_SHARE) / (1.0 - _BLUNT_SHARE), 0.0, 1.0)
    sharp = between(math.log(_SHARP_RANGE[0]), math.log(_SHARP_RANGE[1]), rest)
    return np.where(draws < _BLUNT_SHARE, blunt, sharp)


def _log_shape(theta: Array, core: Array, memory: Array) -> Array:
    b, log_r, log_p, gamma, log_d, log_e = (theta[..., column, None] for column in range(6))
    log_core = np.log(core)
    computing, traffic = -np.exp(b) * log_core, log_r - np.exp(log_d) * np.log(memory)
    p = np.exp(np.minimum(log_p, 5.0))
    corner = np.maximum(computing, traffic) + np.log1p(np.exp(-p * np.abs(computing - traffic))) / p
    floor = gamma**2 * np.maximum(1.0, np.exp(log_r))
    shape: Array = np.log(np.exp(corner) + floor + np.exp(log_e - 3.0 * log_core))
    return shape


def _coefficients(theta: Array, scale: float, top_core_mhz: float, top_memory_mhz: float | None) -> Mapping[str, float]:
    b, log_r, log_p, gamma, log_d, log_e = theta.tolist()
    named = {"a_s": scale, "b": math.exp(b), "c_s": scale * gamma**2 * max(1.0, math.exp(log_r))}
    if log_r > _NEVER:
        named |= {"g_s": scale * math.exp(log_r), "corner_exponent": math.exp(min(log_p, 5.0))}
        if top_memory_mhz is not None:
            named |= {"d": math.exp(log_d), "top_memory_mhz": top_memory_mhz}
    if log_e > _NEVER:
        named["d_s"] = scale * math.exp(log_e)
    return named | {"top_core_mhz": top_core_mhz}
