"""The emulator's physics: what an operation takes and draws at an operating point.

A roofline per operation with a smooth knee, a launch that no clock shortens, and a power curve with a
knee. These are deliberately *not* the forms the planner fits (a power law per block, a cubic): the
agreement of prediction and meter has to be earned.

    fill    = fill_cycles / f                             compute = flops / (f * flops_per_cycle * efficiency)
    memory  = bytes / (bandwidth(f, m) * efficiency)      work    = p-norm(compute, memory)
    time    = launch + fill + work
    energy  = idle(f, m) * time + joules_per_byte * bytes
              + g(f) * (activity * compute + stall * (work - compute) + waiting * (launch + fill))
    g(f)    = knee_w * f/knee up to the knee, knee_w * (f/knee)**n above

Sources of the values: the device files. Valid for small networks run one operation at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from joulecut_core.clocks import OperatingPoint
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.devices.device_file import GPU_KINDS, DeviceFile
from joulecut_runtime.devices.device_tables import Idle

_CACHED_BLOCKS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds and joules (idle draw included) of a piece of work, before noise."""

    duration_s: float
    energy_j: float

    @property
    def power_w(self) -> float:
        """Mean draw; 0 for work that takes no time."""
        return self.energy_j / self.duration_s if self.duration_s > 0 else 0.0


class Laws:
    """Costs on one device, from its file. Pure: the same question always has the same answer."""

    def __init__(self, file: DeviceFile) -> None:
        self._file = file
        self._kinds = {kind: file.kinds[kind.value] for kind in GPU_KINDS}
        self._idle = {idle.memory_mhz: idle for idle in file.idle}
        self._host_bytes_per_s = {
            OperationKind.HOST_CAST: file.host.cast_bytes_per_s,
            OperationKind.HOST_JPEG_ENCODE: file.host.jpeg_encode_bytes_per_s,
            OperationKind.HOST_JPEG_DECODE: file.host.jpeg_decode_bytes_per_s,
        }
        self._cached_block_cost = lru_cache(maxsize=_CACHED_BLOCKS)(self._block_cost)

    def idle_w(self, point: OperatingPoint) -> float:
        """Watts when nothing runs, context loaded, clocks held."""
        idle: Idle = self._idle[point.memory_mhz]
        return idle.floor_w + idle.core_w * math.pow(point.core_mhz / idle.core_mhz, idle.exponent)

    def dynamic_w(self, core_mhz: float) -> float:
        """Watts of the cores on top of idle at activity 1."""
        busy = self._file.busy
        ratio = core_mhz / busy.knee_mhz
        return busy.knee_w * (ratio if ratio <= 1 else math.pow(ratio, busy.exponent))

    def bandwidth_bytes_per_s(self, point: OperatingPoint) -> float:
        """Bytes per second that a perfect kernel moves: the memory's rate, or what the cores can ask for."""
        path = self._file.memory_path
        share = 1.0
        if point.memory_mhz is not None and path.memory_mhz is not None:
            share = point.memory_mhz / path.memory_mhz
        memory = 1.0 / (path.bandwidth_bytes_per_s * share)
        cores = 1.0 / (path.core_bytes_per_cycle * point.core_mhz * 1e6)
        return 1.0 / _norm(memory, cores, path.limit_norm)

    def operation_cost(self, operation: Operation, point: OperatingPoint) -> Cost:
        """Seconds and joules of one operation at `point`."""
        if operation.kind is OperationKind.VIEW:
            return Cost(duration_s=0.0, energy_j=0.0)
        if operation.kind.on_host:
            return self._host_cost(operation, point)
        law = self._kinds[operation.kind]
        core_hz = point.core_mhz * 1e6
        compute = self._file.compute
        compute_s = operation.flops / (core_hz * compute.flops_per_cycle * law.compute_efficiency)
        memory_s = operation.size_bytes / (self.bandwidth_bytes_per_s(point) * law.memory_efficiency)
        work_s = _norm(compute_s, memory_s, compute.overlap_norm)
        launch_s = self._file.launch.launch_s + self._file.launch.fill_cycles / core_hz
        busy = self._file.busy
        active_s = (
            law.activity * compute_s + busy.stall_activity * (work_s - compute_s) + busy.launch_activity * launch_s
        )
        duration_s = launch_s + work_s
        return Cost(
            duration_s=duration_s,
            energy_j=self.idle_w(point) * duration_s
            + self.dynamic_w(point.core_mhz) * active_s
            + self._file.traffic.joules_per_byte * operation.size_bytes,
        )

    def block_cost(self, block: tuple[Operation, ...], point: OperatingPoint) -> Cost:
        """Seconds and joules of operations run back to back at `point`."""
        return self._cached_block_cost(block, point)

    def power_w(self, workload: Workload, point: OperatingPoint) -> float:
        """Mean draw of a workload at `point`; what idle draws where it takes no time."""
        costs = [self.block_cost(block, point) for block in workload.blocks]
        duration_s = sum(cost.duration_s for cost in costs)
        return sum(cost.energy_j for cost in costs) / duration_s if duration_s > 0 else self.idle_w(point)

    def _block_cost(self, block: tuple[Operation, ...], point: OperatingPoint) -> Cost:
        costs = [self.operation_cost(operation, point) for operation in block]
        return Cost(
            duration_s=sum(cost.duration_s for cost in costs),
            energy_j=sum(cost.energy_j for cost in costs),
        )

    def _host_cost(self, operation: Operation, point: OperatingPoint) -> Cost:
        host = self._file.host
        duration_s = host.overhead_s + operation.size_bytes / self._host_bytes_per_s[operation.kind]
        return Cost(duration_s=duration_s, energy_j=duration_s * (self.idle_w(point) + host.extra_w))


def _norm(a: float, b: float, p: float) -> float:
    longer = max(a, b)
    if longer <= 0.0:
        return 0.0
    return longer * math.pow(1.0 + math.pow(min(a, b) / longer, p), 1.0 / p)
