"""Time as a keeper has attended to its pool: what passed while nobody listened is nobody's silence."""

from __future__ import annotations

from joulecut_core.timing import Clock


class Attention:
    """Seconds of a clock, of which a gap counts `longest_gap_s` at the most.

    A host that was suspended, or so busy that the keeper stood still, has not heard its servers for as long; none of
    them was silent for that.
    """

    def __init__(self, clock: Clock, *, longest_gap_s: float) -> None:
        self._clock = clock
        self._longest_gap_s = longest_gap_s
        self._seen_s = clock.now_s()
        self._attended_s = 0.0

    def now_s(self) -> float:
        """Seconds attended so far; to be asked at each look, since a longer gap between two calls is cut short."""
        now_s = self._clock.now_s()
        self._attended_s += min(now_s - self._seen_s, self._longest_gap_s)
        self._seen_s = now_s
        return self._attended_s
