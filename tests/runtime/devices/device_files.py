"""A small quiet device for tests of the emulator itself: round numbers, no noise."""

from __future__ import annotations

from dataclasses import replace

from joulecut_runtime.devices.device_file import GPU_KINDS, DeviceFile
from joulecut_runtime.devices.device_tables import (
    Basis,
    Busy,
    Compute,
    GovernorLaw,
    Host,
    Idle,
    KindLaw,
    Ladder,
    Launch,
    MemoryPath,
    MeterLaw,
    Noise,
    PowerLimit,
    Settle,
    Thermal,
    Traffic,
)

_BASIS = Basis.ASSUMED
_SOURCE = "round numbers for tests"


def quiet_file() -> DeviceFile:
    """1 GFLOP takes 10 ms at 100 MHz, launches 1 ms, idles at 2 W + 1 W per 100 MHz; knee at 200 of 400 MHz."""
    return DeviceFile(
        name="quiet",
        description="for tests",
        power_scope="board",
        ladders=(
            Ladder(basis=_BASIS, source=_SOURCE, memory_mhz=500, core_mhz=(100, 200)),
            Ladder(basis=_BASIS, source=_SOURCE, memory_mhz=1000, core_mhz=(100, 200, 300, 400)),
        ),
        compute=Compute(basis=_BASIS, source=_SOURCE, flops_per_cycle=1000, overlap_norm=4),
        memory_path=MemoryPath(
            basis=_BASIS,
            source=_SOURCE,
            bandwidth_bytes_per_s=1e9,
            memory_mhz=1000,
            core_bytes_per_cycle=10_000,
            limit_norm=12,
        ),
        launch=Launch(basis=_BASIS, source=_SOURCE, launch_s=1e-3, fill_cycles=0),
        kinds={
            kind.value: KindLaw(
                basis=_BASIS, source=_SOURCE, compute_efficiency=1.0, memory_efficiency=1.0, activity=1.0
            )
            for kind in GPU_KINDS
        },
        host=Host(
            basis=_BASIS,
            source=_SOURCE,
            cast_bytes_per_s=1e9,
            jpeg_encode_bytes_per_s=1e8,
            jpeg_decode_bytes_per_s=2e8,
            overhead_s=0.0,
            extra_w=3.0,
        ),
        idle=(
            Idle(basis=_BASIS, source=_SOURCE, memory_mhz=500, floor_w=1.0, core_w=1.0, core_mhz=100, exponent=1),
            Idle(basis=_BASIS, source=_SOURCE, memory_mhz=1000, floor_w=2.0, core_w=1.0, core_mhz=100, exponent=1),
        ),
        busy=Busy(
            basis=_BASIS,
            source=_SOURCE,
            knee_w=10.0,
            knee_mhz=200,
            exponent=2.0,
            stall_activity=0.5,
            launch_activity=0.0,
        ),
        traffic=Traffic(basis=_BASIS, source=_SOURCE, joules_per_byte=0.0),
        thermal=Thermal(basis=_BASIS, source=_SOURCE, temperature_c=40, throttle_c=90, throttle_mhz=200),
        settle=Settle(basis=_BASIS, source=_SOURCE, core_s=5e-3, memory_s=8e-3),
        governor=GovernorLaw(basis=_BASIS, source=_SOURCE, idle_down_s=0.02, ramp_step_s=0.01, idle_memory_mhz=500),
        meter=MeterLaw(basis=_BASIS, source=_SOURCE, period_s=0.01, quantum_j=1e-6, noise=0.0),
        noise=Noise(basis=_BASIS, source=_SOURCE, time=0.0, block_time=0.0, power=0.0),
    )


def noisy_file() -> DeviceFile:
    """The same with 1 % of noise in time and power, and 0.5 % in the meter."""
    file = quiet_file()
    return replace(
        file,
        noise=replace(file.noise, time=0.01, block_time=0.005, power=0.01),
        meter=replace(file.meter, noise=0.005),
    )


def capped_file(power_w: float) -> DeviceFile:
    """The same with a power limit."""
    return replace(quiet_file(), limit=PowerLimit(basis=_BASIS, source=_SOURCE, power_w=power_w))
