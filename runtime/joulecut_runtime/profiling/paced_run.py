"""The whole network at a request rate: requests due at even intervals, and what the device draws over them.

    request   |run |......|run |......| ... |run |......|run |......|
              <- settling, not kept ->|<------- measured --------->|
                                      ^last tick before             ^last tick before

The meter is only watched in the pauses, never waited for: a wait would shift the requests and let a governor fall
asleep. Back to back says what a run costs; at a period a cold cache, a device that dozes and the draw of the pauses
are in the figures too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.energy import PATIENCE_PERIODS, EnergyReading, window_between
from joulecut_core.errors import DeviceError
from joulecut_core.profiles import PacedMeasurement
from joulecut_core.timing import Clock
from joulecut_runtime.profiling.meter_windows import meter_period_s
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.run_times import MOST_SAMPLES, spread, trimmed_mean

_POLLS_PER_PERIOD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedRun:
    """Seconds of single requests in the order they ran, and the mean draw over requests and pauses."""

    times_s: tuple[float, ...]
    mean_w: float


def run_at_rate(
    device: Device, clock: Clock, run: Callable[[], float], *, rate_hz: float, plan: ProfilePlan
) -> PacedRun:
    """Requests at `rate_hz` per second, at whatever clocks are in force.

    `run` computes one request and returns its seconds. Raises DeviceError where the meter stands still.
    """
    period_s = meter_period_s(device)
    within_s = plan.governed_periods * period_s
    most = max(plan.governed_requests, math.ceil(rate_hz * within_s))
    meter = _LastTick(device)
    start_s = clock.now_s()
    times_s: list[float] = []

    def go_on() -> float:
        times_s.append(run())
        _watch_until(start_s + len(times_s) / rate_hz, meter, clock, period_s / _POLLS_PER_PERIOD)
        return clock.now_s()

    now_s, patience_s = start_s, PATIENCE_PERIODS * period_s
    # Requests may come faster than the meter ticks: what counts begins with a tick.
    while len(times_s) < plan.settle_requests or (meter.reading is None and now_s - start_s < patience_s):
        now_s = go_on()
    begin, begun_s, settled = meter.reading, now_s, len(times_s)
    # Where they come faster than the device is, time is over before they are.
    for kept in range(most):
        if kept >= plan.governed_requests and now_s - begun_s >= within_s:
            break
        now_s = go_on()
    end = meter.reading
    if begin is None or end is None or end.time_s <= begin.time_s:
        raise DeviceError(
            f"the energy meter of {device.info.name} did not change in {clock.now_s() - start_s:g} s; "
            f"expected a change every {period_s:g} s"
        )
    return PacedRun(times_s=tuple(times_s[settled:]), mean_w=window_between(begin, end).power_w)


def measure_paced(
    device: Device, clock: Clock, run: Callable[[], float], *, point: OperatingPoint, rate_hz: float, plan: ProfilePlan
) -> PacedMeasurement | None:
    """Latency and mean draw at `rate_hz` requests per second with `point` held; None where the device is too slow.

    `run` computes one request and returns its seconds. Raises ClockError or LeaseError where the point cannot be
    held, DeviceError where the meter stands still.
    """
    with device.lease(point) as lease:
        for _ in range(plan.warm_up):
            run()
        if run() * rate_hz >= 1.0:
            return None
        paced = run_at_rate(device, clock, run, rate_hz=rate_hz, plan=plan)
        achieved = lease.achieved()
    return PacedMeasurement(
        requested=point,
        achieved=achieved,
        rate_hz=rate_hz,
        latency_s=trimmed_mean(paced.times_s),
        latency_std_s=spread(paced.times_s),
        mean_w=paced.mean_w,
        samples_s=paced.times_s[-MOST_SAMPLES:],
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
