"""The host's CPU as a board: what processes with the privilege lend themselves, and the clock daemon does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.kernel_files import Step, Write, limiting, limits, put, write

BOARD = "cpu:all"
"""All cpufreq policies of the host are one board: a lease on half a processor would be half a promise."""


class CpufreqBoard:
    """The host's CPU clocks: both limits of all cpufreq policies, moved together.

    Snapshots hold "lowest highest" in kHz. A policy that cannot reach a clock gets the nearest end of its range.
    """

    def __init__(self, policies: list[Path], write: Write = write) -> None:
        self.key = BOARD
        self._policies, self._write = policies, write

    def snapshot(self) -> Mapping[str, str]:
        """Both limits of each policy."""
        held = {policy.name: "{} {}".format(*limits(policy, "scaling_")) for policy in self._policies}
        if gone := [name for name, text in held.items() if text.endswith(" 0")]:
            raise DeviceError(f"{self.key}: {', '.join(gone)} tells no limits; expected scaling_min_freq and _max_freq")
        return held

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Both limits at a clock that some policy reaches; the kernel rounds to those it lists."""
        khz, ranges = round(core_mhz * 1e3), [limits(policy, "cpuinfo_") for policy in self._policies]
        if memory_mhz is not None or not any(0 < low <= khz <= high for low, high in ranges):
            raise ClockError(f"{self.key}: {core_mhz:g} MHz, memory {memory_mhz}; expected none, and kHz in {ranges}")
        self.restore({policy.name: f"{khz} {khz}" for policy in self._policies})

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:  # noqa: ARG002 - it has none
        """The limits kept, within the policy's range."""
        steps: list[Step] = []
        for policy in self._policies:
            floor, ceiling = limits(policy, "cpuinfo_")
            kept_khz = snapshot.get(policy.name, f"{floor} {ceiling}").split()
            low, high = (min(max(int(khz), floor), ceiling or int(khz)) for khz in kept_khz)
            steps += limiting(policy, low, high, "scaling_")
        put(self.key, steps, self._write)


def find(root: Path) -> list[CpufreqBoard]:
    """The host's CPU where it has cpufreq."""
    policies = sorted(root.glob("sys/devices/system/cpu/cpufreq/policy[0-9]*"))
    return [CpufreqBoard(policies)] if policies else []
