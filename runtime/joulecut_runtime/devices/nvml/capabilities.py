"""What a GPU, its driver and its library let joulecut do, found out without setting anything."""

from __future__ import annotations

from collections.abc import Iterator

from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.nvml.architectures import (
    LOCKS_CORE_FROM,
    LOCKS_MEMORY_FROM,
    architecture_name,
    is_at_least,
)
from joulecut_runtime.devices.nvml.gpu import Gpu
from joulecut_runtime.devices.nvml.power import find_power

_LOCK_CORE = ("nvmlDeviceSetGpuLockedClocks", "nvmlDeviceResetGpuLockedClocks")
_LOCK_MEMORY = ("nvmlDeviceSetMemoryLockedClocks", "nvmlDeviceResetMemoryLockedClocks")
_SET_APPLICATION_CLOCKS = ("nvmlDeviceSetApplicationsClocks", "nvmlDeviceResetApplicationsClocks")


def find_capabilities(gpu: Gpu) -> Capabilities:
    """Raises DeviceError where the GPU has vanished."""
    core_settable = _can_lock_core(gpu) or _can_set_application_clocks(gpu)
    return Capabilities(
        core_settable=core_settable and bool(gpu.memory_clocks_mhz()),
        memory_settable=_can_lock_memory(gpu),
        meter=_meter(gpu),
        remarks=tuple(_remarks(gpu)),
    )


def _can_lock_core(gpu: Gpu) -> bool:
    return is_at_least(gpu.architecture(), LOCKS_CORE_FROM) and gpu.has(*_LOCK_CORE)


def _can_lock_memory(gpu: Gpu) -> bool:
    # With one memory clock there is nothing to choose, and drivers of such GPUs may refuse the lock.
    return (
        is_at_least(gpu.architecture(), LOCKS_MEMORY_FROM)
        and gpu.has(*_LOCK_MEMORY)
        and _can_lock_core(gpu)
        and len(gpu.memory_clocks_mhz()) > 1
    )


def _can_set_application_clocks(gpu: Gpu) -> bool:
    return gpu.has(*_SET_APPLICATION_CLOCKS) and gpu.optional("nvmlDeviceGetApplicationsClock", 0) is not None


def _meter(gpu: Gpu) -> MeterKind:
    if gpu.energy_j() is not None:
        return MeterKind.COUNTER
    return MeterKind.NONE if find_power(gpu) is None else MeterKind.SAMPLED


def _remarks(gpu: Gpu) -> Iterator[str]:
    yield from _remarks_on_clocks(gpu)
    yield from _remarks_on_watts(gpu)
    if gpu.is_persistent() is False:
        yield (
            "persistence mode is off: the driver forgets clock locks when its last client closes; "
            "joulecut stays one while it holds clocks, `nvidia-smi -pm 1` makes it the driver's own habit"
        )
    if gpu.is_divided():
        yield "MIG is on: clocks, power and energy are the whole GPU's, and contain what its other instances do"
    if gpu.mps_processes():
        yield "the multi-process service is on: power and energy contain what other processes compute"


def _remarks_on_clocks(gpu: Gpu) -> Iterator[str]:
    generation = architecture_name(gpu.architecture())
    if not gpu.memory_clocks_mhz():
        yield "the driver lists no clocks: none can be set"
    elif not _can_lock_core(gpu):
        if not _can_set_application_clocks(gpu):
            yield "the driver offers neither locked clocks nor application clocks: none can be set"
        else:
            yield f"{generation} has no locked clocks; joulecut sets application clocks, which CUDA 14 drops"
    elif not _can_lock_memory(gpu) and len(gpu.memory_clocks_mhz()) > 1:
        yield "the memory clock cannot be set here (locks came with Ampere): operating points carry none"
    if gpu.throttle() is None:
        yield "the driver tells no clock event reasons: throttling shows in the achieved clock only"


def _remarks_on_watts(gpu: Gpu) -> Iterator[str]:
    power = find_power(gpu)
    if gpu.energy_j() is None:
        if power is None:
            yield "it tells neither energy nor power: there is no meter"
        else:
            yield "it has no energy counter (those came with Volta): joulecut samples power and integrates it"
    if power is not None and power.remark:
        yield power.remark
