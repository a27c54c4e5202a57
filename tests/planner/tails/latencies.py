"""Distributions of relative latencies whose quantiles are known, light to heavy, with a mean of 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import stats

from joulecut_planner.choices.grids import Array


class Frozen(Protocol):
    """A distribution of scipy with its parameters fixed."""

    def mean(self) -> Any: ...
    def sf(self, x: float) -> Any: ...
    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any: ...


@dataclass(frozen=True, slots=True)
class Law:
    """Draws of a distribution, and how often one exceeds a value."""

    draw: Callable[[np.random.Generator, int], Array]
    exceeds: Callable[[float], float]


def law(frozen: Frozen) -> Law:
    """A scipy distribution, stretched and moved: 0.8 plus a fifth of it over its mean."""
    mean = float(frozen.mean())

    def draw(rng: np.random.Generator, count: int) -> Array:
        return np.asarray(0.8 + 0.2 * frozen.rvs(size=count, random_state=rng) / mean, dtype=np.float64)

    return Law(draw, lambda value: float(frozen.sf((value - 0.8) / 0.2 * mean)))


LAWS = {
    "normal": law(stats.norm(10.0, 1.0)),
    "exponential": law(stats.expon()),
    "lognormal": law(stats.lognorm(0.8)),
    "pareto with shape 0.3": law(stats.lomax(1 / 0.3)),
    "pareto with shape 0.45": law(stats.lomax(1 / 0.45)),
}
HEAVY = ("lognormal", "pareto with shape 0.3", "pareto with shape 0.45")
