"""The whole network under the board's own governor: what people run who set no clock."""

from __future__ import annotations

from collections.abc import Callable

from joulecut_core.devices import Device
from joulecut_core.profiles import GovernedMeasurement
from joulecut_core.timing import Clock
from joulecut_runtime.profiling.paced_run import run_at_rate
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.run_times import MOST_SAMPLES, spread, trimmed_mean


def measure_governed(
    device: Device, clock: Clock, run: Callable[[], float], *, rate_hz: float, plan: ProfilePlan
) -> GovernedMeasurement:
    """Latency and mean draw at `rate_hz` requests per second, no lease held.

    `run` computes one request and returns its seconds. Raises DeviceError where the meter stands still.
    """
    paced = run_at_rate(device, clock, run, rate_hz=rate_hz, plan=plan)
    return GovernedMeasurement(
        rate_hz=rate_hz,
        latency_s=trimmed_mean(paced.times_s),
        latency_std_s=spread(paced.times_s),
        mean_w=paced.mean_w,
        samples_s=paced.times_s[-MOST_SAMPLES:],
    )
