"""How long a server that turned a request away wants to be left alone."""

from __future__ import annotations

_LONG_S = 0.1
"""A shorter recess is not worth changing the clock twice."""
_LONGEST_S = 10.0
"""What a server may ask for: its word must not switch offloading off."""


class Recess:
    """Begins with a refusal that names a time. In seconds of the agents' clock. Not thread-safe."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self.is_long = False
        """Whether the last one was worth a clock of its own."""

    def begin(self, now_s: float, retry_after_s: float) -> None:
        """Leave the server alone for a while, from now on."""
        lasts_s = min(retry_after_s, _LONGEST_S)
        if now_s + lasts_s > self._until_s:
            self._until_s = now_s + lasts_s
            self.is_long = lasts_s >= _LONG_S

    def lasts(self, now_s: float) -> bool:
        """Whether it goes on."""
        return now_s < self._until_s
