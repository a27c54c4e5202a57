"""Wakes who rests a little early, by what timers have been late of late, so that the rest ends when it was meant to.

rest meant to end       until ───────────────▶│
timer set for           due ──────────▶│ lag  │
woken                                     ▲ decides as of `until`: what is launched starts no later than meant
"""

from __future__ import annotations

from joulecut_server.serving.lag import Lag

_NEVER_S = float("inf")


class Alarm:
    """One rest at a time. Not thread-safe; all times in seconds of one clock."""

    def __init__(self, most_early_s: float) -> None:
        self._lag = Lag(most_early_s)
        self._until_s = self._due_s = _NEVER_S
        self._waits = False

    def due_s(self, until_s: float, now_s: float) -> float:
        """When to wake for a rest until `until_s`."""
        self._until_s, self._due_s = until_s, until_s - self._lag.seconds
        self._waits = self._due_s > now_s
        return self._due_s

    def moment_s(self, now_s: float) -> float:
        """The time to decide at: the end of the rest where that is about to come, else now. The rest is over then."""
        until_s, due_s = self._until_s, self._due_s
        self._until_s = self._due_s = _NEVER_S
        if now_s < due_s:
            return now_s
        if self._waits:
            self._lag.observed(now_s - due_s)
        return max(now_s, until_s)
