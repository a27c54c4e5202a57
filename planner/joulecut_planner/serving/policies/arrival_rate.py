"""How many requests a second come lately, forgetting what is long ago."""

from __future__ import annotations

import math


class ArrivalRate:
    """An exponentially weighted count of arrivals; `window_s` is how far back it looks, and may be changed.

    The newest arrival does not count: policies ask when something has just come, and would see too many.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._count = 0.0
        self._newest = 0.0
        self._last_s = 0.0
        self._seen_s = 0.0

    def arrived(self, now_s: float) -> None:
        """One request has come; one that is told of late, behind newer ones, counts as the newest."""
        now_s = max(now_s, self._last_s)
        self._count = (self._count + self._newest) * math.exp((self._last_s - now_s) / self.window_s)
        self._newest = 1.0
        self._seen_s += now_s - self._last_s
        self._last_s = now_s

    def rate_hz(self, now_s: float) -> float:
        """Arrivals per second, as of now. What came before the first arrival counts as silence."""
        ago_s = now_s - self._last_s
        # What has been watched for less than the window cannot have filled it.
        watched = -math.expm1(-(self._seen_s + ago_s) / self.window_s)
        if watched <= 0.0:
            return 0.0
        return self._count * math.exp(-ago_s / self.window_s) / (self.window_s * watched)
