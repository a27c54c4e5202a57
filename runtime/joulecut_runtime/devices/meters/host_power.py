"""A GPU's board and the host around it: the board's meter leaves the host out, a bill does not.

board   |----tick----|----tick----|      its joules change at its ticks
host    · · · · · · · · · · · · · ·      read whenever the board is, and taken at the board's ticks
sum     |----tick----|----tick----|      changes when the board's does, so that windows stay aligned
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Protocol

from joulecut_core.devices import DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_core.power_scopes import sum_kind, widened
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.failing_meter import FailingMeter
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe
from joulecut_runtime.devices.meters.wrapped import WrappedProbe

_MOST_W = 100_000.0


class HostMeter(Protocol):
    """Joules of a host since some start. `joulecut_runtime.devices.host.RaplMeter` is one."""

    @property
    def scope(self) -> str:
        """What the joules contain."""
        ...

    @property
    def figures(self) -> FigureKind:
        """How they are obtained."""
        ...

    @property
    def power_w(self) -> float:
        """The present draw."""
        ...

    def read(self) -> EnergyReading:
        """Joules, and when they were counted. Raises DeviceError where the meter has vanished."""
        ...

    def close(self) -> None:
        """Let go of the meter. Safe to call twice."""
        ...


class ConfiguredHost:
    """A host that draws what somebody says it does, always."""

    figures = FigureKind.ESTIMATED

    def __init__(self, power_w: float, *, clock: Clock) -> None:
        """Raises ConfigError for watts that are none."""
        if not 0 < power_w <= _MOST_W:
            raise ConfigError(f"host_w: {power_w!r}; expected more than 0 and at most {_MOST_W:g} watts")
        self.power_w = power_w
        self.scope = f"host (configured {power_w:g} W)"
        self._clock = clock
        self._start_s = clock.now_s()

    def read(self) -> EnergyReading:
        """The watts times the seconds since it was made."""
        now_s = self._clock.now_s()
        return EnergyReading(time_s=now_s, energy_j=self.power_w * (now_s - self._start_s))

    def close(self) -> None:
        """Nothing."""


class WithHostPower(WrappedProbe):
    """A board's probe whose joules and watts contain the host's too. Implements Probe; closes both."""

    def __init__(self, probe: Probe, host: HostMeter) -> None:
        """Raises ConfigError where the board has no meter of its own, a configured one, or the host's."""
        info, capabilities = probe.info, probe.capabilities
        if info.meter_period_s is None or capabilities.meter is MeterKind.CONFIGURED:
            raise ConfigError(
                f"the host's watts cannot be added to {info.name}, which measures none itself "
                f"({info.power_scope}); expected a device with a meter: add them to busy_w and wait_w instead"
            )
        if info.power_scope == host.scope:
            raise ConfigError(
                f"the watts of {info.name} are those of its host already ({host.scope}); expected another device's: "
                "leave the host's out"
            )
        super().__init__(
            probe,
            info=replace(
                info,
                power_scope=widened(info.power_scope, host.scope),
                figures=sum_kind((info.figures, host.figures)),
            ),
            capabilities=capabilities,
        )
        self._host = host
        self._lock = threading.Lock()
        self._failing = FailingMeter()
        self._before = host.read()
        self._board_j: float | None = None
        self._sum_j = 0.0

    def read(self) -> DeviceState:
        """The board's reading with the host's joules at its last tick added; no joules while the host tells none."""
        with self._lock:
            state = self._inner.read()
            if state.energy_j is None or state.energy_time_s is None:
                return state
            host, before = self._failing.reading(self._host.read), self._before
            if host is None:
                return replace(state, power_w=None, energy_j=None, energy_time_s=None)
            if state.energy_j != self._board_j:
                host_j = _at(state.energy_time_s, before, host, self._host.power_w)
                # Never falls, though the host's joules between its readings are reckoned.
                before_j = 0.0 if self._board_j is None else self._sum_j
                self._sum_j = max(before_j, state.energy_j + host_j)
                self._board_j = state.energy_j
            if host.time_s > before.time_s:
                self._before = host
            return replace(
                state,
                power_w=None if state.power_w is None else state.power_w + self._host.power_w,
                energy_j=self._sum_j,
            )

    def close(self) -> None:
        """Close the board's probe and the host's meter."""
        try:
            self._inner.close()
        finally:
            self._host.close()


def _at(time_s: float, first: EnergyReading, last: EnergyReading, power_w: float) -> float:
    """Joules at a time near two readings, on the line through them; at the present draw where they are one."""
    if last.time_s > first.time_s:
        power_w = (last.energy_j - first.energy_j) / (last.time_s - first.time_s)
    return last.energy_j + power_w * (time_s - last.time_s)
