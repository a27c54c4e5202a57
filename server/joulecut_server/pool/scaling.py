"""How many servers a pool should have: a pure function of what they have to do, with a memory of a few instants.

    pressure of a server   the larger of  waiting / target  and  utilisation / target,  2 at most
    grow    the mean pressure has been above 1 for a while: to as many as bring it to 1
    shrink  the mean on one server fewer would have been below 0.7 for a longer while: by one

What lies between is left alone, and so is a pool that has just changed, or of which somebody is not there yet: that
is why it never flaps. A single server can ask for one more of itself at most, however sick it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from joulecut_server.pool.options import PoolOptions

_MOST_PRESSURE = 2.0
_SHRINK_BELOW = 0.7
"""A pool that has shrunk must be well away from growing again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One well server: requests that wait or compute, and the share of its time in which it has computed."""

    waiting: float
    utilisation: float


class Scaling:
    """Remembers since when a pool has been too small or too large."""

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._high_since_s: float | None = None
        self._low_since_s: float | None = None
        self._changed_s: float | None = None

    def wanted(self, samples: Sequence[Sample], *, present: int, now_s: float) -> int:
        """How many servers there should be now.

        `samples`: of those that serve and are well; `present`: these, and those that start or are being replaced.
        """
        options = self._options
        inside = min(max(present, options.min_servers), options.max_servers)
        if inside != present or not samples:
            return self._changed(present, inside, now_s)
        total = sum(map(self._pressure, samples))
        # Whoever is not there yet will take a share.
        is_high = total > present
        is_low = len(samples) == present > options.min_servers and total < _SHRINK_BELOW * (present - 1)
        self._high_since_s = _since(self._high_since_s, now_s, holds=is_high)
        self._low_since_s = _since(self._low_since_s, now_s, holds=is_low)
        if self._changed_s is not None and now_s - self._changed_s < options.cool_down_s:
            return present
        if self._high_since_s is not None and now_s - self._high_since_s >= options.grow_after_s:
            return self._changed(present, min(options.max_servers, ceil(total)), now_s)
        if self._low_since_s is not None and now_s - self._low_since_s >= options.shrink_after_s:
            return self._changed(present, present - 1, now_s)
        return present

    def _pressure(self, sample: Sample) -> float:
        options = self._options
        highest = max(sample.waiting / options.target_waiting, sample.utilisation / options.target_utilisation)
        return min(highest, _MOST_PRESSURE)

    def _changed(self, present: int, wanted: int, now_s: float) -> int:
        self._high_since_s = self._low_since_s = None
        if wanted != present:
            self._changed_s = now_s
        return wanted


def _since(since_s: float | None, now_s: float, *, holds: bool) -> float | None:
    """Since when something holds without a break; None where it does not."""
    if not holds:
        return None
    return now_s if since_s is None else since_s
