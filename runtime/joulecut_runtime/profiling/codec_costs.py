"""What one side's half of a codec costs on a device: seconds, and watts on top of waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from torch import Tensor

from joulecut_core.devices import Device
from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.profiles import CodecMeasurement
from joulecut_core.timing import Clock
from joulecut_runtime.profiling.meter_windows import busy_window
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.run_times import spread, trimmed_mean
from joulecut_runtime.wires.codecs import Codec

_LOG = logging.getLogger(__name__)


def measure_codec(
    device: Device,
    clock: Clock,
    using: Codec,
    *,
    cut: int,
    tensors: tuple[Tensor, ...],
    specs: Sequence[TensorSpec],
    encodes: bool,
    wait_w: float,
    plan: ProfilePlan,
) -> CodecMeasurement | None:
    """The cost of encoding, or of decoding, the tensors of a cut at the clocks in force.

    `wait_w`: draw of waiting at those clocks. None, and logged, where the codec cannot carry these tensors.
    """
    try:
        encoded = using.encode(tensors)
    except ContractError as error:
        _LOG.warning("%s is not offered at cut %d: %s", using.name, cut, error)
        return None
    workload = using.encode_workload(tuple(specs)) if encodes else using.decode_workload(tuple(specs))
    times_s: list[float] = []
    energies_j: list[float | None] = []

    def run() -> float:
        with device.execution(workload) as execution:
            if encodes:
                using.encode(tensors)
            else:
                using.decode(encoded)
        times_s.append(execution.elapsed_s)
        energies_j.append(execution.energy_j)
        return execution.elapsed_s

    for _ in range(plan.codec_runs):
        run()
    return CodecMeasurement(
        cut=cut,
        codec=using.name,
        time_s=trimmed_mean(times_s),
        time_std_s=spread(times_s),
        extra_w=max(0.0, _mean_w(device, clock, run, times_s, energies_j, plan) - wait_w),
    )


def _mean_w(
    device: Device,
    clock: Clock,
    run: Callable[[], float],
    times_s: list[float],
    energies_j: list[float | None],
    plan: ProfilePlan,
) -> float:
    """Draw during runs, from their own joules where the device can tell, else from a window of the meter."""
    known_j = [energy_j for energy_j in energies_j if energy_j is not None]
    if len(known_j) == len(times_s) and sum(times_s) > 0:
        return sum(known_j) / sum(times_s)
    return busy_window(device, clock, run, periods=plan.part_window_periods, runs=plan.codec_runs).energy.power_w
