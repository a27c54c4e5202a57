"""The fake machine's file as Python sees it: `machine.h`, field by field."""

from __future__ import annotations

import ctypes
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from pathlib import Path

MAGIC = 0x4C4D564E6B614602
GPUS, MEMORY_CLOCKS, CORE_CLOCKS, CLIENTS, FAULTS = 8, 4, 256, 32, 16
HANGS = -1
"""A fault's code: the call does not come back."""


class Can(IntFlag):
    """What a GPU and its driver offer."""

    LOCK_CORE = 1 << 0
    LOCK_MEMORY = 1 << 1
    SET_APPLICATION_CLOCKS = 1 << 2
    COUNT_ENERGY = 1 << 3
    TELL_POWER_USAGE = 1 << 4
    TELL_INSTANT_POWER = 1 << 5
    TELL_AVERAGE_POWER = 1 << 6
    TELL_POWER_OF_MODULE = 1 << 7
    MIG = 1 << 8
    POWER_USAGE_IS_AVERAGE = 1 << 9


class Fault(ctypes.Structure):
    """A call that answers `code` from its `after`-th use on."""

    _fields_ = [("symbol", ctypes.c_char * 64), ("code", ctypes.c_int32), ("after", ctypes.c_uint32)]


class Client(ctypes.Structure):
    """A process that has the library open."""

    _fields_ = [("used", ctypes.c_uint32), ("pid", ctypes.c_int32), ("busy", ctypes.c_double)]


class Gpu(ctypes.Structure):
    """One GPU: who it is, what the world does to it, what the driver holds, what it does now."""

    _fields_ = [
        ("name", ctypes.c_char * 96),
        ("uuid", ctypes.c_char * 80),
        ("bus_id", ctypes.c_char * 32),
        ("architecture", ctypes.c_uint32),
        ("pci_device_id", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("memory_count", ctypes.c_uint32),
        ("memory_mhz", ctypes.c_uint32 * MEMORY_CLOCKS),
        ("core_count", ctypes.c_uint32 * MEMORY_CLOCKS),
        ("core_mhz", ctypes.c_uint32 * CORE_CLOCKS * MEMORY_CLOCKS),
        ("default_core_mhz", ctypes.c_uint32),
        ("idle_core_mhz", ctypes.c_uint32),
        ("idle_memory_mhz", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
        ("idle_w", ctypes.c_double),
        ("idle_w_per_ghz", ctypes.c_double),
        ("memory_w_per_ghz", ctypes.c_double),
        ("busy_w_per_ghz", ctypes.c_double),
        ("busy_w_cubic", ctypes.c_double),
        ("settle_s", ctypes.c_double),
        ("counter_period_s", ctypes.c_double),
        ("limit_w", ctypes.c_double),
        ("utilisation", ctypes.c_double),
        ("temperature_c", ctypes.c_double),
        ("thermal_mhz", ctypes.c_uint32),
        ("hardware_mhz", ctypes.c_uint32),
        ("persistence", ctypes.c_uint32),
        ("mig", ctypes.c_uint32),
        ("mps_processes", ctypes.c_uint32),
        ("lost", ctypes.c_uint32),
        ("calls_until_lost", ctypes.c_int64),
        ("revived_in", ctypes.c_uint64),
        ("changed_ns", ctypes.c_uint64),
        ("lock_min_mhz", ctypes.c_uint32),
        ("lock_max_mhz", ctypes.c_uint32),
        ("memory_lock_min_mhz", ctypes.c_uint32),
        ("memory_lock_max_mhz", ctypes.c_uint32),
        ("application_core_mhz", ctypes.c_uint32),
        ("application_memory_mhz", ctypes.c_uint32),
        ("evaluated_ns", ctypes.c_uint64),
        ("goal_ns", ctypes.c_uint64),
        ("core_now_mhz", ctypes.c_uint32),
        ("goal_mhz", ctypes.c_uint32),
        ("memory_now_mhz", ctypes.c_uint32),
        ("unused_too", ctypes.c_uint32),
        ("reasons", ctypes.c_uint64),
        ("tick", ctypes.c_uint64),
        ("drawn_w", ctypes.c_double),
        ("average_w", ctypes.c_double),
        ("energy_j", ctypes.c_double),
        ("counter_j", ctypes.c_double),
    ]


class Machine(ctypes.Structure):
    """The whole file."""

    _fields_ = [
        ("magic", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("gpu_count", ctypes.c_uint32),
        ("privileged", ctypes.c_uint32),
        ("generation", ctypes.c_uint64),
        ("calls", ctypes.c_uint64),
        ("time_ns", ctypes.c_uint64),
        ("driver_version", ctypes.c_char * 80),
        ("faults", Fault * FAULTS),
        ("clients", Client * CLIENTS),
        ("gpus", Gpu * GPUS),
    ]


def create(path: Path) -> None:
    """A machine without GPUs."""
    machine = Machine(magic=MAGIC, size=ctypes.sizeof(Machine))
    path.write_bytes(bytes(machine))


def read(path: Path) -> Machine:
    """A copy of the machine as it is now."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return Machine.from_buffer_copy(file.read())


@contextmanager
def changing(path: Path, *, only_time: bool = False) -> Iterator[Machine]:
    """The machine, locked: what is written to it here is what every process sees next, from now on."""
    with path.open("r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        machine = Machine.from_buffer_copy(file.read())
        yield machine
        for gpu in machine.gpus[: 0 if only_time else machine.gpu_count]:
            gpu.changed_ns = gpu.changed_ns or machine.time_ns or time.monotonic_ns()
        file.seek(0)
        file.write(bytes(machine))


def lives(path: Path, slot: int) -> bool:
    """Whether the client in a slot still holds its file: a killed one does not."""
    with Path(f"{path}.client{slot}").open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def environment_of(path: Path, *, privileged: bool, busy: float) -> dict[str, str]:
    """What a process needs in its environment to find the machine."""
    return {
        "FAKE_NVML_STATE": os.fspath(path),
        "FAKE_NVML_PRIVILEGED": str(int(privileged)),
        "FAKE_NVML_BUSY": str(busy),
    }
