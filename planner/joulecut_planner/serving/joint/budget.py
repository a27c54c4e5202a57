"""How many misses are still allowed, and how strictly to avoid them.

Each request earns the budget the tolerated share of a miss, each miss costs one. What can be saved up, or owed, is
bounded, so that a quiet hour does not pay for a bad minute.
"""

from __future__ import annotations

MOST_OWED = 8.0
"""Misses that can be saved up, or owed."""


class MissBudget:
    """Tells how strict to be, from 0 for a full budget to `strictest` for none."""

    def __init__(self, tolerated_share: float, strictest: int) -> None:
        """Raises ValueError for a share that is not above 0 and below 1."""
        if not 0.0 < tolerated_share < 1.0:
            raise ValueError(f"tolerated_share: {tolerated_share}; expected more than 0 and less than 1")
        self._share = tolerated_share
        self._strictest = strictest
        self._left = MOST_OWED / 4.0

    def asked(self) -> None:
        """A request has come."""
        self._left = min(self._left + self._share, MOST_OWED)

    def missed(self, count: int) -> None:
        """So many were late or turned away."""
        self._left = max(self._left - count, -MOST_OWED)

    @property
    def strictness(self) -> int:
        """0 to `strictest`."""
        full = (self._left + MOST_OWED) / (2.0 * MOST_OWED)
        return min(int((1.0 - full) * (self._strictest + 1)), self._strictest)
