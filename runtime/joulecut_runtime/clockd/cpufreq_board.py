"""The host's CPU clocks: both limits of all cpufreq policies, moved together."""

from collections.abc import Callable
from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.boards import Board, Snapshot


class CpufreqBoard:
    """A policy that cannot reach a clock gets the nearest end of its range. Snapshots hold "lowest highest" in kHz."""

    key = "cpu:all"

    def __init__(self, policies: list[Path], write: Callable[[Path, str], object] = Path.write_text) -> None:
        self._policies, self._write = policies, write

    def snapshot(self) -> Snapshot:
        """Both limits of each policy."""
        return {each.name: "{} {}".format(*_limits(each, "scaling")) for each in self._policies}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Both limits at a clock that some policy reaches; the kernel rounds to those it lists."""
        khz, ranges = round(core_mhz * 1e3), [_limits(each, "cpuinfo") for each in self._policies]
        if memory_mhz is not None or not any(low <= khz <= high for low, high in ranges):
            raise ClockError(f"{self.key}: {core_mhz:g} MHz, memory {memory_mhz}; expected none, and kHz in {ranges}")
        self.restore({each.name: f"{khz} {khz}" for each in self._policies})

    def restore(self, snapshot: Snapshot) -> None:
        """The limits kept. By way of the lowest minimum: old kernels refuse one above the maximum."""
        failures: list[str] = []
        for policy in self._policies:
            try:
                floor, ceiling = _limits(policy, "cpuinfo")
                kept_khz = snapshot.get(policy.name, f"{floor} {ceiling}").split()
                low, high = (min(max(int(khz), floor), ceiling) for khz in kept_khz)
                steps = (("scaling_min_freq", floor), ("scaling_max_freq", high), ("scaling_min_freq", low))
                for name, khz in steps if _limits(policy, "scaling") != (low, high) else ():
                    self._write(policy / name, str(khz))
            except (OSError, ValueError, DeviceError) as error:
                failures.append(f"{policy.name}: {error}")
        if failures:
            raise DeviceError(f"{self.key}: {'; '.join(failures)}; expected limits that this process may write")


def _limits(policy: Path, kind: str) -> tuple[int, int]:
    try:
        return int((policy / f"{kind}_min_freq").read_text()), int((policy / f"{kind}_max_freq").read_text())
    except (OSError, ValueError) as error:
        raise DeviceError(f"{policy}: {error}; expected {kind} limits in kHz") from error


def find(root: Path) -> list[Board]:
    """The host's one board; none without cpufreq."""
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy[0-9]*"))
    return [CpufreqBoard(policies)] if policies else []
