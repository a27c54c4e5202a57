"""A GPU's clock table: what may be asked for, as its driver lists it now."""

from __future__ import annotations

from collections.abc import Iterable

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_runtime.devices.hardware.probe import Capabilities
from joulecut_runtime.devices.nvml.gpu import Gpu

_ROUNDING_MHZ = 1.0
"""Drivers list and report whole megahertz of clocks that are not; neighbours on a list are 7 apart or more."""


def read_clock_table(gpu: Gpu, capabilities: Capabilities) -> ClockTable:
    """The operating points that can be leased.

    Where the memory clock can be set, every listed pair. Where it cannot, points carry none, and the core clocks are
    those legal at the highest memory clock, which is the one a GPU under load runs at. Where nothing can be set, the
    one point that stands for the GPU is its highest clock. Raises DeviceError where the GPU has vanished.
    """
    memory_clocks_mhz = gpu.memory_clocks_mhz()
    if not capabilities.core_settable or not memory_clocks_mhz:
        return ClockTable(points=(OperatingPoint(core_mhz=gpu.top_core_mhz() or gpu.core_mhz()),))
    if capabilities.memory_settable:
        pairs = [(core, memory) for memory in memory_clocks_mhz for core in gpu.core_clocks_mhz(memory)]
        return ClockTable(points=tuple(OperatingPoint(core_mhz=core, memory_mhz=memory) for core, memory in pairs))
    core_clocks_mhz = gpu.core_clocks_mhz(memory_clocks_mhz[0])
    return ClockTable(points=tuple(OperatingPoint(core_mhz=core) for core in core_clocks_mhz))


def listed_mhz(mhz: float, listed: Iterable[float]) -> float:
    """The listed clock that a report means; the report itself where none is near."""
    near = min(listed, key=lambda candidate: abs(candidate - mhz), default=mhz)
    return near if abs(near - mhz) <= _ROUNDING_MHZ else mhz
