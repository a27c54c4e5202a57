"""Time as an object that is passed in: whatever waits or measures takes a Clock.

`ScaledClock` is how a host that is too slow to emulate a GPU in real time still runs the real
agents: every second that devices, link and sessions see is an *emulated* second, which lasts
`slowdown` seconds on the wall, for both sides and the link alike.
"""

from __future__ import annotations

import sysconfig
import threading
import time
from functools import cache
from typing import Protocol

from joulecut_core.emulation_rules import check_slowdown

_FIRST_LOOK_S = 0.0005
_LOOK_S = 0.02
"""Wall seconds between looks at a flag: what has long been waited for is noticed a little later."""


class Clock(Protocol):
    """A monotonic clock one can wait on. All values in seconds of this clock."""

    def now_s(self) -> float:
        """Monotonic time; only differences mean anything."""
        ...

    def sleep_until_s(self, deadline_s: float) -> None:
        """Return at `deadline_s` or at once where it has passed."""
        ...

    def wall_s(self, duration_s: float) -> float:
        """How long `duration_s` of this clock lasts on the wall (for RPC deadlines and timeouts)."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now_s(self) -> float:
        """Seconds of the machine's high-resolution monotonic clock."""
        return time.perf_counter()

    def sleep_until_s(self, deadline_s: float) -> None:
        """Sleep until `deadline_s`; returns at once where it has passed."""
        remaining_s = deadline_s - time.perf_counter()
        if remaining_s > 0:
            time.sleep(remaining_s)

    def wall_s(self, duration_s: float) -> float:
        """The same duration: this clock runs with the wall."""
        return duration_s


class ScaledClock:
    """A clock on which one second lasts `slowdown` seconds of the machine's clock."""

    def __init__(self, slowdown: float) -> None:
        check_slowdown(slowdown)
        self.slowdown = slowdown
        self._base = SystemClock()

    def now_s(self) -> float:
        """Emulated seconds."""
        return self._base.now_s() / self.slowdown

    def sleep_until_s(self, deadline_s: float) -> None:
        """Sleep until the emulated instant `deadline_s`."""
        self._base.sleep_until_s(deadline_s * self.slowdown)

    def wall_s(self, duration_s: float) -> float:
        """Wall seconds that `duration_s` emulated seconds last."""
        return duration_s * self.slowdown


class ManualClock:
    """A clock for tests: it moves only when told to or when somebody sleeps on it."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s
        self._lock = threading.Lock()

    def now_s(self) -> float:
        """The time it was last moved to."""
        with self._lock:
            return self._now_s

    def sleep_until_s(self, deadline_s: float) -> None:
        """Jump to `deadline_s` at once; time never runs backwards."""
        with self._lock:
            self._now_s = max(self._now_s, deadline_s)

    def advance_s(self, duration_s: float) -> None:
        """Let `duration_s` seconds pass."""
        if duration_s < 0:
            raise ValueError(f"duration_s is {duration_s!r}; a clock only moves forwards")
        with self._lock:
            self._now_s += duration_s

    def wall_s(self, duration_s: float) -> float:
        """No wall time passes on a manual clock, so waits on the wall do not wait."""
        del duration_s
        return 0.0


def is_set_within(flag: threading.Event, duration_s: float) -> bool:
    """Wait for a flag for so many wall seconds at most, whatever the host's wall clock is set to meanwhile.

    On a board without a battery that clock is set while threads wait.
    """
    if _flags_wait_steadily():
        return flag.wait(duration_s)
    until_s, look_s = time.perf_counter() + duration_s, _FIRST_LOOK_S
    while not flag.is_set() and (left_s := until_s - time.perf_counter()) > 0:
        time.sleep(min(left_s, look_s))
        look_s = min(2.0 * look_s, _LOOK_S)
    return flag.is_set()


@cache
def _flags_wait_steadily() -> bool:
    """Whether a wait for a flag ends by the monotonic clock: an hour late else, where the wall clock goes back by one.

    So it does in every Python that found sem_clockwait in the C library it was built for, as glibc's since 2.30. Those
    that are built for hosts of any age did not, whatever their version and the host's library.
    """
    return bool(sysconfig.get_config_var("HAVE_SEM_CLOCKWAIT"))
