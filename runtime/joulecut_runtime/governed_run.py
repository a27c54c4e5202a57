"""The whole network under the board's own governor: what people run who set no clock.

    request   |run |......|run |......| ... |run |......|run |......|
              <- settling, not kept ->|<------- measured --------->|
                                      ^last tick before             ^last tick before

Requests are due at even intervals. The meter is only watched in the pauses, never waited for: a wait
would shift the requests and let the governor fall asleep.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, window_between
from joulecut_core.errors import DeviceError
from joulecut_core.profiles import GovernedMeasurement
from joulecut_core.timing import Clock
from joulecut_runtime.meter_windows import meter_period_s
from joulecut_runtime.profile_plan import ProfilePlan
from joulecut_runtime.run_times import spread, trimmed_mean

_POLLS_PER_PERIOD = 8


def measure_governed(
    device: Device, clock: Clock, run: Callable[[], float], *, rate_hz: float, plan: ProfilePlan
) -> GovernedMeasurement:
    """Latency and mean draw at `rate_hz` requests per second, no lease held.

    `run` computes one request and returns its seconds. Raises DeviceError where the meter stands still.
    """
    period_s = meter_period_s(device)
    kept = max(plan.governed_requests, math.ceil(rate_hz * plan.governed_periods * period_s))
    meter = _LastTick(device)
    start_s = clock.now_s()
    latencies_s: list[float] = []
    begin: EnergyReading | None = None
    for index in range(plan.settle_requests + kept):
        if index == plan.settle_requests:
            begin = meter.reading
        latency_s = run()
        if index >= plan.settle_requests:
            latencies_s.append(latency_s)
        _watch_until(start_s + (index + 1) / rate_hz, meter, clock, period_s / _POLLS_PER_PERIOD)
    end = meter.reading
    if begin is None or end is None or end.time_s <= begin.time_s:
        raise DeviceError(
            f"the energy meter of {device.info.name} did not change in {clock.now_s() - start_s:g} s; "
            f"expected a change every {period_s:g} s"
        )
    return GovernedMeasurement(
        rate_hz=rate_hz,
        latency_s=trimmed_mean(latencies_s),
        latency_std_s=spread(latencies_s),
        mean_w=window_between(begin, end).power_w,
    )


class _LastTick:
    """The meter's last change that was seen."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._seen_j = device.state().energy_j
        self.reading: EnergyReading | None = None

    def poll(self) -> None:
        state = self._device.state()
        if state.energy_j is not None and state.energy_time_s is not None and state.energy_j != self._seen_j:
            self._seen_j = state.energy_j
            self.reading = EnergyReading(time_s=state.energy_time_s, energy_j=state.energy_j)


def _watch_until(deadline_s: float, meter: _LastTick, clock: Clock, step_s: float) -> None:
    meter.poll()
    while clock.now_s() < deadline_s:
        clock.sleep_until_s(min(deadline_s, clock.now_s() + step_s))
        meter.poll()
