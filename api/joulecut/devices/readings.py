"""A device over time: what runs, what was asked for, watts, and joules since the first reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from joulecut.devices.stopping import Stopping
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState, ThrottleReason
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock

_ROUNDING_S = 1e-6
_LONGEST_S = 86_400.0
"""A day between two readings; there is no waiting for infinitely long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Clocks that somebody holds. `holder` names who."""

    point: OperatingPoint | None
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One line of a device's story. `elapsed_s` and `energy_j` count from the first reading.

    `requested` and `holder`: what is asked for and by whom; None where nobody holds the clocks or it cannot be known.
    """

    elapsed_s: float
    requested: OperatingPoint | None
    holder: str | None
    achieved: OperatingPoint
    power_w: float | None
    energy_j: float | None
    temperature_c: float | None
    throttle: tuple[ThrottleReason, ...]


class Story:
    """The readings of one device, one after the other."""

    def __init__(self, state: Callable[[], DeviceState], clock: Clock, holding: Callable[[], Holding | None]) -> None:
        """`state` reads the device, `holding` tells who holds its clocks."""
        self._state = state
        self._clock = clock
        self._holding = holding
        self._start_s = clock.now_s()
        self._start_j: float | None = None

    def read(self) -> Reading:
        """The device now. Raises DeviceError where it has vanished."""
        state, holding = self._state(), self._holding()
        if self._start_j is None:
            self._start_j = state.energy_j
        spent_j = None if state.energy_j is None or self._start_j is None else state.energy_j - self._start_j
        return Reading(
            elapsed_s=self._clock.now_s() - self._start_s,
            requested=holding.point if holding else None,
            holder=holding.holder if holding else None,
            achieved=state.point,
            power_w=state.power_w,
            energy_j=spent_j,
            temperature_c=state.temperature_c,
            throttle=tuple(sorted(state.throttle, key=lambda reason: reason.value)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to read: every `interval_s`, until `count` readings or `for_s` seconds have passed, where given."""

    interval_s: float = 1.0
    count: int | None = None
    for_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.interval_s <= _LONGEST_S:
            raise ConfigError(f"--interval {self.interval_s:g}; expected seconds above 0 and at most {_LONGEST_S:g}")
        if self.for_s is not None and not self.for_s > 0:
            raise ConfigError(f"--for {self.for_s:g}; expected seconds above 0")

    def ticks(self, clock: Clock, stopping: Stopping) -> Iterator[int]:
        """The number of each reading when it is due; ends when asked to."""
        start_s = due_s = clock.now_s()
        end_s = None if self.for_s is None else start_s + self.for_s
        number = 0
        while not stopping.asked:
            yield number
            number += 1
            if number == self.count:
                return
            # Readings that took longer than the interval are left out, not caught up with.
            due_s = max(due_s + self.interval_s, clock.now_s())
            if end_s is not None and due_s > end_s + _ROUNDING_S:
                stopping.wait_until_s(clock, end_s)
                return
            stopping.wait_until_s(clock, due_s)
