"""A flag that a signal's handler raises while the same thread waits for it."""

from __future__ import annotations

from joulecut_core.timing import SystemClock

_LOOK_S = 0.2
"""Wall seconds between two looks: what raises the flag ends no sleep."""


class SignalFlag:
    """As `threading.Event`, but its `set` may be called where a signal meets its `wait`.

    An Event's would wait for ever there: for a lock that the thread below it holds. Waiting sleeps, which ends by the
    monotonic clock on every Python: see `is_set_within`.
    """

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it was raised."""
        return self._is_set

    def set(self) -> None:
        """Raise it, for good."""
        self._is_set = True

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is raised, so many wall seconds at most; whether it is. For one thread."""
        clock = SystemClock()
        until_s = clock.now_s() + timeout_s
        while not self._is_set and (now_s := clock.now_s()) < until_s:
            clock.sleep_until_s(min(until_s, now_s + _LOOK_S))
        return self._is_set
