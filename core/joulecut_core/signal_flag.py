"""A flag that a signal's handler raises while the same thread waits for it."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

from joulecut_core.timing import SystemClock

_LOOK_S = 0.2
"""Wall seconds between two looks. A signal that comes just before a wait falls asleep, or meets another thread, wakes
nobody: its handler runs when the sleep is over."""


class SignalFlag:
    """As `threading.Event`, but its `set` may be called where a signal meets its `wait`.

    An Event's would wait for ever there: for a lock that the thread below it holds.
    """

    def __init__(self) -> None:
        self._told: SimpleQueue[None] = SimpleQueue()
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it was raised."""
        return self._is_set

    def set(self) -> None:
        """Raise it, for good."""
        self._is_set = True
        self._told.put(None)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is raised, so many wall seconds at most; whether it is. For one thread."""
        clock = SystemClock()
        until_s = clock.now_s() + timeout_s
        while not self._is_set and (left_s := until_s - clock.now_s()) > 0.0:
            with suppress(Empty):
                self._told.get(timeout=min(left_s, _LOOK_S))
        return self._is_set
