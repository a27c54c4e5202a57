"""How often each identity may ask: a bucket of tokens for each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from joulecut_core.timing import Clock

_MOST_KEPT = 10_000
"""The longest silent ones are forgotten beyond this: their buckets have filled up meanwhile."""
_BURST_S = 1.0
"""Of its rate, what a bucket holds: requests come in bursts, and a second's worth harms nobody."""
_WHOLE = 1.0 - 1e-9
"""Of a token: who has waited for one must find it, however sums of seconds are rounded."""


class Rates:
    """Buckets that fill at a rate and lose a token with each request. Used from one thread only."""

    def __init__(self, clock: Clock, *, most: int = _MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: Hashable, rate_hz: float | None) -> float:
        """Take a token of `who`: 0 where there was one, else seconds until there will be. None: there always is."""
        if rate_hz is None:
            return 0.0
        size = max(1.0, rate_hz * _BURST_S)
        now_s = self._clock.now_s()
        tokens, then_s = self._buckets.get(who, (size, now_s))
        tokens = min(size, tokens + rate_hz * (now_s - then_s))
        wait_s = 0.0 if tokens >= _WHOLE else (1.0 - tokens) / rate_hz
        self._buckets[who] = (tokens if wait_s else tokens - 1.0, now_s)
        self._buckets.move_to_end(who)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait_s
