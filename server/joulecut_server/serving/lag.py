"""How much later than meant things come about on a host: a timer's wake-up, the end of a batch.

A policy that rests until the last start that is in time leaves nothing for either. What they have taken of late is
therefore kept free, so that a deadline is not missed by the microseconds of a timer.
"""

from __future__ import annotations

from collections import deque

_REMEMBERED = 64
_SHARE = 0.95
"""Of the remembered delays are no longer than the lag."""
_FEWEST = 4
"""Delays before any lag is believed: the first ones are those of a cold start."""


class Lag:
    """Learns from delays in seconds. Not thread-safe."""

    def __init__(self, most_s: float) -> None:
        """`most_s`: however late things are, no more than this is kept free for it."""
        self._most_s = most_s
        self._delays_s: deque[float] = deque(maxlen=_REMEMBERED)
        self.seconds = 0.0
        """To allow for: 0 while nothing is late."""

    def observed(self, delay_s: float) -> None:
        """Something came about so much later than meant; below 0 where it was earlier."""
        self._delays_s.append(delay_s)
        if len(self._delays_s) >= _FEWEST:
            upper_s = sorted(self._delays_s)[int(_SHARE * (len(self._delays_s) - 1))]
            self.seconds = min(max(upper_s, 0.0), self._most_s)
