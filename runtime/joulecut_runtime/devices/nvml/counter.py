"""The driver's energy counter: it steps only now and then, and starts anew with the driver.

joules shown   ____|‾‾‾‾|____ ...       each step is worth a period of draw
when read        ^      ^               a step lies between two readings, at most one period before the second
"""

from __future__ import annotations

import logging
import statistics
import threading
from collections.abc import Callable
from itertools import pairwise

from joulecut_core.timing import Clock

_LOG = logging.getLogger(__name__)

_POLL_S = 0.002
_PATIENCE_S = 3.0
"""Counters step every 10 to 100 ms; one that stands still for so long is none."""
_INTERVALS = 5
MOST_W = 5000.0
"""More than any board draws: a step beyond it is none, nor are watts."""


def measure_period_s(read_j: Callable[[], float | None], clock: Clock) -> float | None:
    """How often a counter steps: the median of some intervals, to within 2 ms; None where it stands still.

    Polls until it has seen enough steps: half a second where the period is 100 ms, three seconds at most.
    """
    start_s = now_s = clock.now_s()
    shown_j, steps_s = read_j(), list[float]()
    while len(steps_s) <= _INTERVALS and now_s - start_s < _PATIENCE_S:
        clock.sleep_until_s(now_s + _POLL_S)
        now_s, now_j = clock.now_s(), read_j()
        if now_j is not None and now_j != shown_j:
            shown_j = now_j
            steps_s.append(now_s)
    intervals_s = [after_s - before_s for before_s, after_s in pairwise(steps_s)]
    return round(statistics.median(intervals_s), 4) if intervals_s else None


class EnergyCounter:
    """Joules that never fall, and when the counter took them. Safe to call from several threads."""

    def __init__(self, read_j: Callable[[], float | None], *, clock: Clock, period_s: float) -> None:
        self._read_j = read_j
        self._clock = clock
        self._period_s = period_s
        self._lock = threading.Lock()
        self._shown_j: float | None = None
        self._counted_j = 0.0
        self._looked_s = clock.now_s() - period_s
        self._stepped_s = self._looked_s

    def read(self) -> tuple[float, float] | None:
        """Joules, and the instant of the counter's last step: the middle of the time in which it must have been.

        None where the counter does not answer this time.
        """
        with self._lock:
            now_j, now_s = self._read_j(), self._clock.now_s()
            if now_j is None:
                return None
            if self._shown_j is None or now_j != self._shown_j:
                self._counted_j += now_j if self._shown_j is None else self._drawn_j(self._shown_j, now_j, now_s)
                self._shown_j = now_j
                self._stepped_s = now_s - min(self._period_s, now_s - self._looked_s) / 2
            self._looked_s = now_s
            return self._counted_j, self._stepped_s

    def _drawn_j(self, shown_j: float, now_j: float, now_s: float) -> float:
        # It falls where the driver was loaded anew, or the GPU reset: it began at 0 then.
        drawn_j = now_j - shown_j if now_j > shown_j else now_j
        # Since its last step, not since the last look: a busy driver lets one wait.
        within_s = now_s - self._stepped_s + self._period_s
        if drawn_j <= MOST_W * within_s:
            return drawn_j
        _LOG.warning(
            "the energy counter went from %g J to %g J in %.3g s, which no GPU draws; nothing is counted for that time",
            shown_j,
            now_j,
            within_s,
        )
        return 0.0
