"""Arrivals made up by a seed: periodic, Poisson, bursty, with the hours of a day. All of mean rate 1 per second."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.simulation.traces import ArrivalTrace, trace_of

_BURST_RATE = 5.0
"""Within a burst, requests come at so many times the mean rate."""
_DAYS = 4
_SWING = 0.8
"""The busiest hour has 1 + 0.8 times the mean rate, the quietest 1 - 0.8."""
_GRID = 4096


class MadeTrace(str, Enum):
    """The kinds of made-up arrivals."""

    PERIODIC = "periodic"
    POISSON = "poisson"
    BURSTY = "bursty"
    DIURNAL = "diurnal"


def made_trace(kind: MadeTrace, count: int, seed: int, *, gap_variation: float = 10.0) -> ArrivalTrace:
    """`count` requests; `gap_variation` is the coefficient of variation of a bursty trace's gaps.

    The mean rate is 1 per second in expectation; a periodic trace has it exactly. Raises ValueError for less than
    two requests, or a variation of a bursty trace that is not above 1.
    """
    if count < 2:
        raise ValueError(f"{count} requests; expected at least 2")
    rng = np.random.default_rng(seed)
    if kind is MadeTrace.PERIODIC:
        sent_s: Array = np.arange(count, dtype=np.float64)
    elif kind is MadeTrace.POISSON:
        sent_s = np.cumsum(rng.exponential(size=count))
    elif kind is MadeTrace.BURSTY:
        sent_s = np.cumsum(_bursty_gaps_s(rng, count, gap_variation))
    else:
        sent_s = _diurnal_s(rng, count)
    return trace_of(sent_s)


def _bursty_gaps_s(rng: np.random.Generator, count: int, variation: float) -> Array:
    """Gaps of an interrupted Poisson process: on at `_BURST_RATE`, off for long. Their law is hyperexponential.

    With a = 1/_BURST_RATE, S = (variation^2 + 1)/2 and m the mean of the long gaps, mean 1 and second moment 2S ask
    for m = (S - a^2)/(1 - a) - a and a share (1 - a)/(m - a) of long gaps.
    """
    if not 1.0 < variation < math.inf:
        raise ValueError(f"a variation of {variation}; expected more than 1, which a Poisson process has")
    short_s = 1.0 / _BURST_RATE
    long_s = ((variation**2 + 1.0) / 2.0 - short_s**2) / (1.0 - short_s) - short_s
    is_long = rng.random(count) < (1.0 - short_s) / (long_s - short_s)
    gaps_s: Array = rng.exponential(np.where(is_long, long_s, short_s))
    return gaps_s


def _diurnal_s(rng: np.random.Generator, count: int) -> Array:
    """A Poisson process whose rate is 1 + _SWING sin over `_DAYS` days: a unit-rate one in warped time."""
    day_s = count / _DAYS
    # Some arrivals fall behind the last day, hence a grid beyond it.
    grid_s: Array = np.linspace(0.0, 1.5 * count + 10.0 * day_s, _GRID * _DAYS)
    angle = 2.0 * math.pi * grid_s / day_s
    expected = grid_s + _SWING * day_s / (2.0 * math.pi) * (1.0 - np.cos(angle))
    warped: Array = np.interp(np.cumsum(rng.exponential(size=count)), expected, grid_s)
    return warped
