"""Work on a device that does not end: how long is too long, and how that is told from a process that was stopped."""

from __future__ import annotations

from collections.abc import Iterable

from joulecut_core.profiles import Profile
from joulecut_runtime.execution.device_worker import DeviceWorker

LEAST_S = 30.0
_TIMES_SLOWEST = 20.0
"""Of the slowest run that was ever measured here: far beyond a throttled device, or a batch."""


def longest_work_s(profiles: Iterable[Profile]) -> float:
    """For how many seconds of the agent's clock one piece of work may run before it counts as one that hangs."""
    slowest_s = (max((point.whole_s, *point.samples_s)) for profile in profiles for point in profile.points)
    return max(LEAST_S, _TIMES_SLOWEST * max(slowest_s, default=0.0))


class HungWork:
    """Whether the work that runs has for too long, at two looks in a row.

    One look is not enough: a process that was stopped, or its host asleep, finds work at its return that has run for
    as long by the clock, and ends at once.
    """

    def __init__(self, worker: DeviceWorker, *, longest_s: float) -> None:
        """`longest_s`: of the worker's clock."""
        self._worker = worker
        self._longest_s = longest_s
        self._is_suspected = False

    def look(self) -> str | None:
        """What hangs; None while nothing does, or it is seen for the first time."""
        running_s = self._worker.running_s
        was_suspected, self._is_suspected = self._is_suspected, running_s > self._longest_s
        if not (was_suspected and self._is_suspected):
            return None
        return f"one piece of work has run on it for {running_s:.3g} s; expected at most {self._longest_s:.3g} s"
