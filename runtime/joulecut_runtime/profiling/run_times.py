"""The times of repeated runs and what is kept of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_SAMPLES = 512
"""Single runs kept of each series: enough for a tail over several, and some 15 kB each in a profile's file."""

_TRIMMED = 0.1
"""Share of the runs left out at either end: one run in ten may be disturbed without moving the mean."""


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean without the lowest and the highest tenth (rounded down), so a stray slow run does not count."""
    dropped = int(len(values) * _TRIMMED)
    kept = sorted(values)[dropped : len(values) - dropped]
    return math.fsum(kept) / len(kept)


def spread(values: Sequence[float]) -> float:
    """The standard deviation of single runs, nothing trimmed: a deadline meets the slow ones too. 0 for one run."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
