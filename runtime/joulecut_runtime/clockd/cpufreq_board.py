"""The host's CPU clocks: both limits of all cpufreq policies, moved together."""

from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.boards import Board, Snapshot
from joulecut_runtime.clockd.kernel_files import Step, Write, limiting, limits, put, write


class CpufreqBoard:
    """A policy that cannot reach a clock gets the nearest end of its range. Snapshots hold "lowest highest" in kHz."""

    def __init__(self, policies: list[Path], write: Write = write) -> None:
        self.key = "cpu:all"
        self._policies, self._write = policies, write

    def snapshot(self) -> Snapshot:
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

    def restore(self, snapshot: Snapshot) -> None:
        """The limits kept, within the policy's range."""
        steps: list[Step] = []
        for policy in self._policies:
            floor, ceiling = limits(policy, "cpuinfo_")
            kept_khz = snapshot.get(policy.name, f"{floor} {ceiling}").split()
            low, high = (min(max(int(khz), floor), ceiling or int(khz)) for khz in kept_khz)
            steps += limiting(policy, low, high, "scaling_")
        put(self.key, steps, self._write)


def find(root: Path) -> list[Board]:
    """The host's one board; none without cpufreq."""
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy[0-9]*"))
    return [CpufreqBoard(policies)] if policies else []
