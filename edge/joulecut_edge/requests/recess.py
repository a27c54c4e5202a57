"""How long a server that turned requests away, or answers none in time, is left alone."""

from __future__ import annotations

from joulecut_core.ledgers import FallbackReason

_LONG_S = 0.1
"""A shorter recess is not worth changing the clock twice."""
_LONGEST_S = 10.0
"""What a server may ask for: its word must not switch offloading off."""
_MOST_MISSED = 3
"""Answers missed in a row before the next requests are not sent at all."""
_FIRST_S = 0.5
"""The recess after so many; each further miss, of the one request that tries again, doubles it."""


class Recess:
    """Begins with a refusal that names a time, or with answers missed in a row. In seconds of the agents' clock.

    Begun on the event loop, asked whether it admits in the device's worker alone.
    """

    def __init__(self) -> None:
        self._until_s = self._tried_until_s = 0.0
        self._missed = 0
        self.is_long = False
        """Whether the last one was worth a clock of its own."""
        self.reason = FallbackReason.REFUSED
        """Why the server is left alone."""

    def begin(self, now_s: float, retry_after_s: float, reason: FallbackReason = FallbackReason.REFUSED) -> None:
        """Leave the server alone for a while, from now on."""
        lasts_s = min(retry_after_s, _LONGEST_S)
        if now_s + lasts_s > self._until_s:
            self._until_s = now_s + lasts_s
            self.is_long = lasts_s >= _LONG_S
            self.reason = reason

    def missed(self, now_s: float) -> None:
        """An answer did not come in time."""
        if self.lasts(now_s):
            return  # sent before it began
        self._missed += 1
        if self._missed >= _MOST_MISSED:
            doubled = min(self._missed - _MOST_MISSED, 10)
            self.begin(now_s, _FIRST_S * 2.0**doubled, FallbackReason.LATE)

    def answered(self) -> None:
        """An answer came in time."""
        self._missed, self._tried_until_s = 0, 0.0

    def end(self) -> None:
        """Another server, or the same one joined again: nothing is held against it."""
        self._until_s, self._missed, self._tried_until_s = 0.0, 0, 0.0

    def admits(self, now_s: float, *, try_s: float) -> bool:
        """Whether a request may be sent: one of those that come in `try_s`, until answers come again."""
        if self.lasts(now_s):
            return False
        if self._missed >= _MOST_MISSED:
            if now_s < self._tried_until_s:
                return False
            self._tried_until_s = now_s + try_s
        return True

    def lasts(self, now_s: float) -> bool:
        """Whether it goes on."""
        return now_s < self._until_s
