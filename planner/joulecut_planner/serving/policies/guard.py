"""How long a batch may run before those who come meanwhile cannot be in time any more.

A device that computes slowly uses up the time of whoever arrives next. Up to m requests that come while a
batch runs for t are in time if t plus the seconds of a batch of m at the highest clock keep their deadline;
that there are no more than m is certain but for a risk, arrivals being Poisson at the present rate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RISK = 0.05


class Guard:
    """For one device: `seconds` are those of serving 1, 2, ... requests at the highest clock."""

    def __init__(self, seconds: Sequence[float]) -> None:
        from scipy.special import gammaincinv  # noqa: PLC0415 - every server-agent starts with this module

        self._seconds = list(seconds)
        sizes = np.arange(1, len(self._seconds) + 1, dtype=np.float64)
        # The mean of a Poisson count that exceeds m with probability RISK: P(N > m) = P(m + 1, mean).
        self._means: list[float] = gammaincinv(sizes + 1.0, RISK).tolist()

    def longest_s(self, slo_s: float, rate_hz: float) -> float:
        """The longest that a batch may run; 0 where even a lone newcomer could not wait at all."""
        longest_s = 0.0
        for seconds, mean in zip(self._seconds, self._means, strict=True):
            left_s = slo_s - seconds
            if left_s <= longest_s:
                if left_s <= 0.0:
                    break
                continue
            longest_s = max(longest_s, min(left_s, mean / rate_hz) if rate_hz > 0.0 else left_s)
        return longest_s
