"""Whether a server may be tried now: a circuit breaker with jittered, growing waits.

closed --failure--> open --wait over--> half-open: one try --success--> closed
                      ^                       |
                      +------- failure -------+
"""

from __future__ import annotations

import math
from enum import Enum
from random import Random

_FIRST_S = 0.2
_STEADY_S = 60.0
"""A server that leaves so soon after it has left comes and goes; a host that is updated leaves once."""
_LONGEST_AWAY_S = 30.0
"""Less than the above, so that who comes and goes is still known for it."""
_TOLD_S = 3600.0
"""A reason that comes back is news again after so long: one that is away for two in turn must not fill the log."""
_MOST_TOLD = 8


class Trial(Enum):
    """What may be done with a server now."""

    CLOSED = "closed"
    """It was well when it was last used, or was never tried."""
    OPEN = "open"
    """It failed, and is left alone."""
    HALF_OPEN = "half-open"
    """It failed, and may be tried once."""


class Breaker:
    """Of one server. Seconds are of the wall, and come from the caller. `cap_s`: the longest wait."""

    def __init__(self, cap_s: float, random: Random) -> None:
        self._cap_s = cap_s
        self._random = random
        self._until_s = 0.0
        self.failures = 0
        """In a row."""
        self.is_passed_over = False
        """Another one was used before this one had answered its greeting."""
        self.barren = 0
        """Uses in a row without a plan, one answer, or one in time."""
        self._told_s: dict[str, float] = {}
        """When each reason was news, the latest last."""
        self._left_s = -math.inf
        self._leaves = 0

    def trial(self, now_s: float) -> Trial:
        """What may be done at this time."""
        if not self.failures:
            return Trial.CLOSED
        return Trial.OPEN if now_s < self._until_s else Trial.HALF_OPEN

    @property
    def until_s(self) -> float:
        """When the next try is allowed; in the past where it is allowed now."""
        return self._until_s

    def failed(self, now_s: float, reason: str, *, is_final: bool = False) -> bool:
        """Open it; whether this is news. `is_final`: trying again cannot help until somebody changes something."""
        self.failures += 1
        grown_s = self._cap_s if is_final else min(self._cap_s, _FIRST_S * 2.0 ** min(self.failures - 1, 10))
        # Half of it drawn, so that many edges do not return to a restarted server in one instant.
        self._until_s = now_s + grown_s * self._random.uniform(0.5, 1.0)
        return self._is_news(now_s, reason)

    def left(self, now_s: float) -> None:
        """It went by its own wish, and has `failed` with that: it is waited for twice as long as the last time.

        Otherwise one that comes and goes, as with a device that does, has its edges plan with every coming.
        """
        self._leaves = self._leaves + 1 if now_s - self._left_s < _STEADY_S else 0
        self._left_s = now_s
        self._stay_away(now_s, self._leaves)

    def was_of_no_use(self, now_s: float) -> None:
        """It was `barren` once more, and has `failed` with that: it is waited for as one that comes and goes."""
        self._stay_away(now_s, self.barren)

    def succeeded(self) -> None:
        """Close it."""
        self.failures, self.barren, self._until_s = 0, 0, 0.0
        self._told_s.clear()
        self.is_passed_over = False

    def _stay_away(self, now_s: float, times: int) -> None:
        grown_s = min(_LONGEST_AWAY_S, _FIRST_S * 2.0 ** min(times, 10))
        self._until_s = max(self._until_s, now_s + grown_s * self._random.uniform(0.5, 1.0))

    def _is_news(self, now_s: float, reason: str) -> bool:
        """Whether another reason was told last, and this one not lately."""
        told_s = self._told_s
        if reason in told_s and (reason == next(reversed(told_s)) or now_s < told_s[reason] + _TOLD_S):
            return False
        told_s.pop(reason, None)
        told_s[reason] = now_s
        if len(told_s) > _MOST_TOLD:
            del told_s[next(iter(told_s))]
        return True
