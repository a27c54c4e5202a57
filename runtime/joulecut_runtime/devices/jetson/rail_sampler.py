"""An energy counter where the hardware has none: rails are sampled and integrated by the trapezoidal rule.

sample k-1          sample k          sample k+1
|- (P[k-1] + P[k]) / 2 * (t[k] - t[k-1]) -|            each at its own time stamp, however late the thread was
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock, is_set_within
from joulecut_runtime.devices.jetson.rails import EnergyScope

SAMPLE_PERIOD_S = 0.02
"""Each read asks a monitor over I2C; sampling every 11 ms has been done (arXiv:2606.16106v2)."""

_LATE_PERIODS = 10
_GAP_S = 1.0
"""A longer gap is worth a warning. Importing torch keeps every other thread waiting for half a second."""

_SILENT_S = 2.0
"""Without a sample for so long, the last one says nothing about now."""

_SAME_S = 1e-9
"""Durations closer than this are equal: sums of periods are not exact."""

_WAIT_FLOOR_S = 0.001
"""On the wall: a clock whose seconds take no time must not make the thread spin."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RailSample:
    """Power at an instant, and the joules integrated until then."""

    time_s: float
    power_w: float
    energy_j: float


class RailSampler:
    """Samples a scope's rails every `period_s` of `clock`. Safe to call from several threads.

    `find` is asked again for the rails where they cannot be read any more. A monitor that says it measures less often
    sets the period. With `background` a thread samples; without, `latest` does where a period has passed. Raises
    DeviceError where the first sample fails.
    """

    def __init__(
        self,
        find: Callable[[], EnergyScope | None],
        *,
        clock: Clock,
        period_s: float = SAMPLE_PERIOD_S,
        background: bool = True,
    ) -> None:
        scope = find()
        if scope is None:
            raise DeviceError("there are no power rails to sample; expected an INA3221's channels with labels")
        self._find = find
        self._scope = scope
        self._clock = clock
        self._period_s = max(period_s, *(rail.update_s for rail in scope.rails))
        self._failure, self._warned = "", False
        self._latest = self._sample_after(None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rail-sampler", daemon=True) if background else None
        if self._thread is not None:
            self._thread.start()

    @property
    def scope(self) -> EnergyScope:
        """What is sampled."""
        return self._scope

    @property
    def period_s(self) -> float:
        """How often the counter is meant to change; on a busy host it may change later."""
        return self._period_s

    def latest(self) -> RailSample:
        """The last sample. Raises DeviceError where there has been none for two seconds, with the reason."""
        if self._thread is None and self._clock.now_s() - self._latest.time_s >= self._period_s - _SAME_S:
            self._sample()
        latest = self._latest
        silent_s = self._clock.now_s() - latest.time_s
        if silent_s > max(_SILENT_S, _LATE_PERIODS * self._period_s):
            raise DeviceError(
                f"no power sample of {self._scope.name} for {silent_s:.1f} s; expected one every {self._period_s:g} s: "
                f"{self._failure or 'a read of the power monitor blocks'}"
            )
        return latest

    def close(self) -> None:
        """Stop sampling. Safe to call twice; a blocked read is left behind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        wait_s = max(self._clock.wall_s(self._period_s), _WAIT_FLOOR_S)
        while not is_set_within(self._stop, wait_s):
            self._sample()

    def _sample(self) -> None:
        before = self._latest
        try:
            after = self._sample_after(before)
        except DeviceError as error:
            self._failure = str(error)
            if not self._warned and self._clock.now_s() - before.time_s > _GAP_S:
                _log.warning("no power sample for %g s: %s", _GAP_S, error)
                self._warned = True
            return
        if after.time_s - before.time_s > max(_GAP_S, _LATE_PERIODS * self._period_s):
            _log.warning(
                "no power sample for %.3f s instead of every %g s: the joules of that time are a straight line",
                after.time_s - before.time_s,
                self._period_s,
            )
        self._failure, self._warned = "", False
        self._latest = after

    def _sample_after(self, before: RailSample | None) -> RailSample:
        start_s = self._clock.now_s()
        try:
            power_w = self._scope.power_w()
        except DeviceError:
            found = self._find()
            if found is None or found.name != self._scope.name:
                raise
            self._scope = found
            power_w = found.power_w()
        time_s = (start_s + self._clock.now_s()) / 2
        if before is None:
            return RailSample(time_s=time_s, power_w=power_w, energy_j=0.0)
        joules = (before.power_w + power_w) / 2 * (time_s - before.time_s)
        return RailSample(time_s=time_s, power_w=power_w, energy_j=before.energy_j + joules)
