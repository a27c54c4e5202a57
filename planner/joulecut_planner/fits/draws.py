"""Points that fill a cube evenly, the same at every run, and how they become parameters.

Source of the sequence: an additive recurrence on powers of the generalised golden ratio, the positive
root of g^(d+1) = g + 1 (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
"""

from __future__ import annotations

import numpy as np

from joulecut_planner.choices.grids import Array

_LOGISTIC_TO_NORMAL = 1.702
"""Divides a logistic quantile so that it is within 0.01 of the normal's distribution function."""
_TAIL = 0.002


def even_draws(count: int, dimensions: int) -> Array:
    """`count` points of the open unit cube; shape (count, dimensions)."""
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimensions + 1))
    steps = root ** -np.arange(1.0, dimensions + 1.0)
    draws: Array = (0.5 + np.arange(1.0, count + 1.0)[:, None] * steps) % 1.0
    return draws


def normal(draws: Array) -> Array:
    """About standard normal values for draws in (0, 1), without far tails."""
    inner = np.clip(draws, _TAIL, 1.0 - _TAIL)
    values: Array = np.log(inner / (1.0 - inner)) / _LOGISTIC_TO_NORMAL
    return values


def between(low: float, high: float, draws: Array) -> Array:
    """Evenly between two values."""
    values: Array = low + (high - low) * draws
    return values


def some_zero(zero_share: float, high: float, draws: Array) -> Array:
    """Zero for a share of the draws, the others evenly up to `high`."""
    values: Array = high * np.clip((draws - zero_share) / (1.0 - zero_share), 0.0, 1.0)
    return values
