"""Families of curves: what a fit may choose among, as draws of parameters with their prior weight.

A *shape* is a curve up to its scale: log shape(theta; x, y), with the core clock x and the memory clock y
relative to the highest calibrated ones. A *form* is a law with a name ("a/f + c"); each form brings draws
of its parameters, and each draw stands for the curves of its neighbourhood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from joulecut_planner.choices.grids import Array, Indices


class Form(str, Enum):
    """The laws that are compared, simpler ones first in each quantity; x = f / f_top, y = m / m_top."""

    INVERSE = "a/f"
    AFFINE = "a/f + c"
    POWER_LAW = "a f^-b + c"
    CORNER = "max(a f^-b, g m^-d) + c, blunt corner"
    CUBIC_SLOWDOWN = "a/f + d/f^3 + c"
    LINEAR_POWER = "p0 + p1 f"
    CUBIC_POWER = "p0 + p1 f + p3 f^3"
    FREE_POWER = "p0 + p1 f + p3 f^n"
    KNEE_POWER = "p0 + p1 f + p3 f max(f, knee)^(n-1)"


class LogShape(Protocol):
    """The logarithm of a curve: parameters (..., parameters) and clocks (points,) give (..., points)."""

    def __call__(self, theta: Array, core: Array, memory: Array) -> Array:
        """Log of the curve at relative clocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFamily:
    """Draws of all forms of one quantity."""

    theta: Array
    """Parameters, shape (draws, parameters)."""
    spread: Array
    """Half-width of each draw's neighbourhood, same shape; 0 where a form holds a parameter."""
    log_prior: Array
    """Log of each draw's prior weight, shape (draws,)."""
    form: Indices
    """Index into `forms`, shape (draws,)."""
    forms: tuple[Form, ...]
    log_shape: LogShape
    coefficients: Callable[[Array, float, float, float | None], Mapping[str, float]]
    """Named values with units from one theta, the scale, the top core clock and the top memory clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDraws:
    """One form's draws: parameters set away from the family's resting values, and the widths of those that are free."""

    form: Form
    weight: float
    count: int
    values: Mapping[int, Array | float]
    widths: Mapping[int, float]


def family(
    forms: tuple[FormDraws, ...],
    resting: tuple[float, ...],
    log_shape: LogShape,
    coefficients: Callable[[Array, float, float, float | None], Mapping[str, float]],
) -> ShapeFamily:
    """Put the forms of one quantity together. A neighbourhood shrinks with the number of draws that share the space."""
    thetas, spreads, priors, indices = [], [], [], []
    for index, draws in enumerate(forms):
        theta = np.tile(np.array(resting), (draws.count, 1))
        spread = np.zeros_like(theta)
        for column, values in draws.values.items():
            theta[:, column] = values
        for column, width in draws.widths.items():
            spread[:, column] = width * draws.count ** (-1.0 / len(draws.widths))
        thetas.append(theta)
        spreads.append(spread)
        priors.append(np.full(draws.count, np.log(draws.weight / draws.count)))
        indices.append(np.full(draws.count, index, dtype=np.int64))
    return ShapeFamily(
        theta=np.concatenate(thetas),
        spread=np.concatenate(spreads),
        log_prior=np.concatenate(priors),
        form=np.concatenate(indices),
        forms=tuple(draws.form for draws in forms),
        log_shape=log_shape,
        coefficients=coefficients,
    )
