"""One timed run on a real device, and the joules of it where its meter can tell."""

from __future__ import annotations

from collections.abc import Callable

from joulecut_core.devices import DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock

METERED_PERIODS = 20
"""Periods of the meter that a run has to last for its joules to be told.

The two readings are not aligned to the meter's ticks (waiting for those would hold every request up), so each end is
off by up to a period: of 20 periods that is at most 5 % of the difference between the draw of the run and the draw
beside it at either end.
"""


class HardwareExecution:
    """A core Execution. `elapsed_s` and `energy_j` raise DeviceError until the context has ended."""

    def __init__(self, device: str, *, clock: Clock, synchronise: Callable[[], None]) -> None:
        self._device = device
        self._clock = clock
        self._synchronise = synchronise
        self._marks_s: list[float] = []
        self._elapsed_s: float | None = None
        self._energy_j: float | None = None
        synchronise()
        self._start_s = clock.now_s()

    def mark(self) -> None:
        """The next block has just been launched; returns when the device has finished it."""
        self._synchronise()
        self._marks_s.append(self._clock.now_s() - self._start_s)

    @property
    def elapsed_s(self) -> float:
        """Seconds from entry to exit."""
        return self._check_ended()

    @property
    def marks_s(self) -> tuple[float, ...]:
        """Seconds from entry to the end of each marked block."""
        return tuple(self._marks_s)

    @property
    def energy_j(self) -> float | None:
        """Joules from entry to exit; None where the run was too short for the meter, or nobody read it."""
        self._check_ended()
        return self._energy_j

    def finish(self) -> float:
        """Wait until the device has finished; returns the seconds from entry."""
        self._synchronise()
        return self.abandon()

    def abandon(self) -> float:
        """End here: the computation failed, or is over."""
        self._elapsed_s = self._clock.now_s() - self._start_s
        return self._elapsed_s

    def meter(self, begin: DeviceState, end: DeviceState, period_s: float) -> None:
        """Take the joules from the meter's last ticks before entry and before exit, where they are far enough apart."""
        if begin.energy_j is None or begin.energy_time_s is None or end.energy_j is None or end.energy_time_s is None:
            return
        metered_s = end.energy_time_s - begin.energy_time_s
        # A period less than the run, since both ticks may lie early; a meter that stood still tells nothing.
        if metered_s > (METERED_PERIODS - 1.5) * period_s:
            self._energy_j = (end.energy_j - begin.energy_j) * self.elapsed_s / metered_s

    def _check_ended(self) -> float:
        if self._elapsed_s is None:
            raise DeviceError(f"an execution on {self._device} has not ended; read it after its context")
        return self._elapsed_s
