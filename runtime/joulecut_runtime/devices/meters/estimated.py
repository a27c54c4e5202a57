"""Joules of a device without a meter: seconds at work and seconds waiting, times watts that somebody configured.

    energy(t) = wait_w · t + (busy_w - wait_w) · (seconds at work until t)

Clocks do not enter: whoever knows how the draw follows the clock has a meter. Every figure is an estimate and says so.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from joulecut_core.devices import DeviceState
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe
from joulecut_runtime.devices.meters.wrapped import WrappedProbe

_PERIOD_S = 0.01
"""The sum is right at any instant; windows of a few periods should still be long beside the time of one reading."""
_MOST_W = 100_000.0


class EstimatedMeter(WrappedProbe):
    """A probe without a meter, given one that multiplies. Implements Probe and WorkListener."""

    def __init__(self, probe: Probe, *, clock: Clock, busy_w: float, wait_w: float) -> None:
        """`busy_w`, `wait_w`: draw at work and waiting. Raises ConfigError for nonsense and where there is a meter."""
        if not 0 < wait_w <= busy_w <= _MOST_W:
            raise ConfigError(
                f"busy_w: {busy_w!r}, wait_w: {wait_w!r}; expected 0 < wait_w <= busy_w <= {_MOST_W:g} watts"
            )
        if probe.info.meter_period_s is not None:
            raise ConfigError(
                f"busy_w and wait_w are set, but {probe.info.name} has a meter ({probe.info.power_scope}); "
                "leave them out: measured joules are better"
            )
        remark = f"no joule here is measured: {busy_w:g} W busy and {wait_w:g} W waiting are configured"
        capabilities = probe.capabilities
        super().__init__(
            probe,
            info=replace(
                probe.info,
                power_scope=f"configured {busy_w:g} W busy, {wait_w:g} W waiting",
                figures=FigureKind.ESTIMATED,
                meter_period_s=_PERIOD_S,
            ),
            capabilities=replace(capabilities, meter=MeterKind.CONFIGURED, remarks=(*capabilities.remarks, remark)),
        )
        self._clock = clock
        self._busy_w = busy_w
        self._wait_w = wait_w
        self._lock = threading.Lock()
        self._working = 0
        self._counted_s = clock.now_s()
        self._energy_j = 0.0

    def work_begins(self) -> None:
        """The device is given work."""
        self._count(change=1)

    def work_ends(self) -> None:
        """The work is done."""
        self._count(change=-1)

    def read(self) -> DeviceState:
        """The device's reading with the joules until now."""
        state = self._inner.read()
        counted_s, energy_j, is_working = self._count()
        return replace(
            state,
            time_s=max(state.time_s, counted_s),
            power_w=self._busy_w if is_working else self._wait_w,
            energy_j=energy_j,
            energy_time_s=counted_s,
        )

    def _count(self, change: int = 0) -> tuple[float, float, bool]:
        with self._lock:
            now_s = self._clock.now_s()
            self._energy_j += (self._busy_w if self._working else self._wait_w) * (now_s - self._counted_s)
            self._counted_s = now_s
            self._working = max(0, self._working + change)
            return now_s, self._energy_j, self._working > 0
