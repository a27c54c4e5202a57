"""Who pays for the time in which the edge waits: each moment is one request's, however many are under way.

    request 1   |== works ==|............ answer        pays from its start to its answer, its own work left out
    request 2       |..........== works ==|..... answer      pays from there on

So shares of requests that overlap add up to what the edge draws. Work that was done in a time which an earlier answer
paid for is owed to later ones, as long as they overlap.
"""

from __future__ import annotations

import math


class EdgeWaits:
    """Times are of the agent's clock. Not thread-safe."""

    def __init__(self) -> None:
        self._paid_until_s = -math.inf
        self._owed_s = 0.0

    def share_s(self, *, start_s: float, now_s: float, busy_s: float, period_s: float | None) -> float:
        """What a request that is answered now pays for, having come at `start_s` and kept the device for `busy_s`.

        `period_s`: of a plan for a rate, under which a request pays for what lies between it and the last one too, a
        period at most.
        """
        if start_s >= self._paid_until_s:
            self._owed_s = 0.0
        longest_s = now_s - start_s if period_s is None else period_s
        span_s = min(now_s - self._paid_until_s, longest_s)
        # Answers of one rate do not come at even distances: what a late one leaves is the next one's.
        self._paid_until_s = now_s if period_s is None else max(self._paid_until_s + span_s, now_s - period_s)
        left_s = span_s - busy_s - self._owed_s
        self._owed_s = max(-left_s, 0.0)
        return max(left_s, 0.0)
