"""Kinds of GPUs the fake can be: clock lists as published, watts of an invented shape between plausible ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.fakes.nvml.state import Can


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A kind of GPU. `cores_mhz` gives, for each memory clock, the core clocks legal with it; both descend."""

    name: str
    architecture: int
    pci_device_id: int
    can: Can
    cores_mhz: Mapping[int, tuple[int, ...]]
    default_core_mhz: int
    idle_core_mhz: int
    idle_memory_mhz: int
    idle_w: float
    full_w: float
    limit_w: float


_VOLTA = Can.LOCK_CORE | Can.SET_APPLICATION_CLOCKS | Can.COUNT_ENERGY | Can.TELL_POWER_USAGE | Can.TELL_INSTANT_POWER
_AMPERE = _VOLTA | Can.LOCK_MEMORY | Can.MIG
_HOPPER = _AMPERE | Can.TELL_AVERAGE_POWER | Can.POWER_USAGE_IS_AVERAGE


def _steps(low: int, high: int, step: float) -> tuple[int, ...]:
    count = round((high - low) / step) + 1
    return tuple(int(low + step * place) for place in reversed(range(count)))


GENERATIONS: Mapping[str, Generation] = {
    # No list of a P40 has been published: this one is invented.
    "p40": Generation(
        name="Tesla P40",
        architecture=4,
        pci_device_id=0x1B3810DE,
        can=Can.SET_APPLICATION_CLOCKS | Can.TELL_POWER_USAGE | Can.TELL_INSTANT_POWER,
        cores_mhz={3615: _steps(544, 1528, 12), 405: _steps(544, 544, 12)},
        default_core_mhz=1300,
        idle_core_mhz=544,
        idle_memory_mhz=405,
        idle_w=10.0,
        full_w=240.0,
        limit_w=250.0,
    ),
    "v100": Generation(
        name="Tesla V100-PCIE-32GB",
        architecture=5,
        pci_device_id=0x1DB610DE,
        can=_VOLTA,
        cores_mhz={877: _steps(135, 1380, 7.5)},
        default_core_mhz=1230,
        idle_core_mhz=135,
        idle_memory_mhz=877,
        idle_w=23.0,
        full_w=230.0,
        limit_w=250.0,
    ),
    "t4": Generation(
        name="Tesla T4",
        architecture=6,
        pci_device_id=0x1EB810DE,
        can=_VOLTA,
        cores_mhz={5001: _steps(300, 1590, 15), 405: _steps(300, 645, 15)},
        default_core_mhz=1590,
        idle_core_mhz=300,
        idle_memory_mhz=405,
        idle_w=12.0,
        full_w=68.0,
        limit_w=70.0,
    ),
    "a100": Generation(
        name="NVIDIA A100-PCIE-40GB",
        architecture=7,
        pci_device_id=0x20F110DE,
        can=_AMPERE,
        cores_mhz={1215: _steps(210, 1410, 15)},
        default_core_mhz=1410,
        idle_core_mhz=210,
        idle_memory_mhz=1215,
        idle_w=32.0,
        full_w=245.0,
        limit_w=250.0,
    ),
    "h100": Generation(
        name="NVIDIA H100 NVL",
        architecture=9,
        pci_device_id=0x232110DE,
        can=_HOPPER,
        cores_mhz={2619: _steps(345, 1785, 15), 1593: _steps(345, 1785, 15)},
        default_core_mhz=1785,
        idle_core_mhz=345,
        idle_memory_mhz=2619,
        idle_w=61.0,
        full_w=390.0,
        limit_w=400.0,
    ),
    "h200": Generation(
        name="NVIDIA H200",
        architecture=9,
        pci_device_id=0x233510DE,
        can=_HOPPER,
        cores_mhz={3201: _steps(345, 1980, 15)},
        default_core_mhz=1980,
        idle_core_mhz=345,
        idle_memory_mhz=3201,
        idle_w=76.0,
        full_w=625.0,
        limit_w=700.0,
    ),
    "l4": Generation(
        name="NVIDIA L4",
        architecture=8,
        pci_device_id=0x27B810DE,
        can=_HOPPER & ~Can.MIG,
        cores_mhz={6251: _steps(210, 2040, 15), 405: _steps(210, 645, 15)},
        default_core_mhz=2040,
        idle_core_mhz=210,
        idle_memory_mhz=405,
        idle_w=16.0,
        full_w=71.0,
        limit_w=72.0,
    ),
    # Answers power for its module only, and its clocks and counter are otherwise a Hopper's.
    "gh200": Generation(
        name="NVIDIA GH200 480GB",
        architecture=9,
        pci_device_id=0x234210DE,
        can=(_HOPPER & ~(Can.TELL_POWER_USAGE | Can.TELL_INSTANT_POWER | Can.TELL_AVERAGE_POWER))
        | Can.TELL_POWER_OF_MODULE,
        cores_mhz={2619: _steps(345, 1980, 15)},
        default_core_mhz=1980,
        idle_core_mhz=345,
        idle_memory_mhz=2619,
        idle_w=90.0,
        full_w=650.0,
        limit_w=900.0,
    ),
}
