"""When the device leaves the plan's clock, since requests wait for each other so long that they are late.

    a turn that comes too late  ──▶ in haste, ten seconds at least; again soon after: twice as long as before
    after that one in good time ──▶ over

A line that became long, in a slow moment or as more is asked for than was planned, may never become short at the clock
that saves most joules.
"""

from __future__ import annotations

import math

_FIRST_S = 10.0
_LONGEST_S = 600.0


class Haste:
    """In seconds of the agent's clock. Used in the device's worker alone, but for `is_on`."""

    def __init__(self) -> None:
        self._lasts_s, self._until_s, self._ended_s = _FIRST_S, 0.0, -math.inf
        self.is_on = False
        """Whether requests run at the fastest clock."""

    def turn(self, now_s: float, *, waited_s: float, spare_s: float) -> bool:
        """A request's turn, which may `spare_s` for waiting; whether it ends haste, or begins it."""
        if waited_s <= spare_s:
            return self.rest(now_s)
        was, self.is_on = self.is_on, True
        if not was:
            is_soon = now_s < self._ended_s + self._lasts_s
            self._lasts_s = min(2.0 * self._lasts_s, _LONGEST_S) if is_soon else _FIRST_S
        self._until_s = now_s + self._lasts_s
        return not was

    def rest(self, now_s: float) -> bool:
        """Nothing is late just now; whether that ends haste."""
        if not self.is_on or now_s < self._until_s:
            return False
        self.is_on, self._ended_s = False, now_s
        return True
