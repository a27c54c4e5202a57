"""Statements about many measurements in one number each."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LEAST_FOR_RANKS = 3


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, -1 to 1; None for fewer than 3 pairs or where one side is constant."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values; expected pairs")
    if len(first) < _LEAST_FOR_RANKS or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    from scipy import stats  # noqa: PLC0415 - takes a second to import, and every saved document's page comes by here

    return float(stats.spearmanr(first, second).statistic)


def weighted_variation(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted standard deviation over the weighted mean; 0 where all values are one.

    Raises ValueError where there is no weight or the mean is 0.
    """
    total = math.fsum(weights)
    if len(values) != len(weights) or total <= 0:
        raise ValueError(f"{len(values)} values with weights of {total!r} in all; expected one positive weight each")
    mean = math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    if mean == 0:
        raise ValueError("the weighted mean is 0; expected values that are not all 0")
    squares = ((value - mean) ** 2 * weight for value, weight in zip(values, weights, strict=True))
    return math.sqrt(math.fsum(squares) / total) / abs(mean)


def clock_sensitivity(low_mhz: float, low_s: float, high_mhz: float, high_s: float) -> float:
    """The share of a clock's rise that comes back as speed: 1 where time goes with 1/f, 0 where no clock helps.

    -d ln t / d ln f between two clocks. Raises ValueError where the clocks are one or something is not positive.
    """
    if min(low_mhz, low_s, high_mhz, high_s) <= 0 or low_mhz == high_mhz:
        raise ValueError(
            f"{low_s!r} s at {low_mhz!r} MHz and {high_s!r} s at {high_mhz!r} MHz; expected two clocks and positive "
            "values"
        )
    return -math.log(high_s / low_s) / math.log(high_mhz / low_mhz)
