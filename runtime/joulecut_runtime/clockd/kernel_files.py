"""Boards that are small text files of the kernel: a Jetson's GPU with its memory, a host's CPU.

A Jetson's limits are written as maximum = the power mode's, minimum = target, maximum = target: every kernel takes that
order, and each step leaves minimum = maximum or maximum = the mode's. What else `restore` finds, a new mode wrote.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError

Step = tuple[Path, int | str]
"""A file and what it shall hold."""

_GPUS = {"ga10b", "gb10b", "gp10b", "gpu", "gv11b"}
_EMC_CAPS = ("nvpmodel_emc_cap/emc_iso_cap", "nvpmodel_clk_cap/emc", "debug/bpmp/debug/clk/emc/max_rate")
_BPMP = ("bpmp/debug/clk/emc/rate", "bpmp/debug/clk/emc/state", "bpmp/debug/clk/emc/mrq_rate_locked")
_EMC = ("emc/max_rate", "emc/min_rate")
"""What locks memory: BPMP or, on other kernels, limits of its own. The last file tells whether it is there."""
_MEMORY, _POWER = ("rate", "state", "mrq_rate_locked", "max_rate", "min_rate"), ("railgate_enable", "control")
"""What is restored after the limits, in this order."""


def read(path: Path) -> str:
    """What a kernel file says; empty where it cannot be read."""
    with suppress(OSError):
        for _ in range(25):
            if text := path.read_text(encoding="utf-8", errors="replace").strip("\0\n "):
                return text
            threading.Event().wait(0.001)  # outside a kernel, a file is empty while somebody replaces its text
    return ""


def numbers(path: Path, unit: int = 1) -> list[int]:
    """The whole numbers in a kernel file but 0, ascending, times `unit`."""
    return sorted({int(number) * unit for number in re.findall(r"\d+", read(path))} - {0})


def limits(folder: Path, kind: str = "") -> tuple[int, int]:
    """The lowest and the highest clock that a folder of cpufreq or devfreq allows; 0 where it tells none.

    `kind`: how the names of its files begin, as cpufreq's do.
    """
    return max(numbers(folder / f"{kind}min_freq"), default=0), max(numbers(folder / f"{kind}max_freq"), default=0)


def write(path: Path, text: str) -> None:
    """Replace the text of a file that is there: none is made, and no link in its place is followed."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "w") as stream:
        stream.write(text)


def put(key: str, steps: Iterable[Step], write: Callable[[Path, str], object]) -> None:
    """Write what a file does not hold yet, in order, all of it whatever fails. DeviceError names what failed."""
    failures = []
    for path, value in steps:
        try:
            if read(path) != str(value):
                write(path, str(value))
        except OSError as error:
            failures.append(f"{path.parent.name}/{path.name} = {value}: {error.strerror}")
    if failures:
        raise DeviceError(f"{key}: {'; '.join(failures)}; it takes root, or joulecut-clockd, and the driver")


def limiting(folder: Path, low: int, high: int, kind: str = "") -> list[Step]:
    """The two writes in the order in which the limits never cross, which old kernels refuse. A highest of 0 is none."""
    steps: list[Step] = [(folder / f"{kind}max_freq", high), (folder / f"{kind}min_freq", low)]
    return steps[::-1] if 0 < high < limits(folder, kind)[0] else steps


def gpu_nodes(root: Path) -> list[Path]:
    """The devfreq nodes of a Jetson's GPU, by device-tree name; Thor's has none."""
    if not read(root / "etc/nv_tegra_release") and "tegra" not in read(root / "proc/device-tree/compatible"):
        return []
    names = {node: read(node / "device/of_node/name") or node.suffix[1:] for node in root.glob("sys/class/devfreq/*")}
    return sorted(node for node, name in names.items() if name in _GPUS or node.name == "gpu-gpc-0")


def emc(root: Path) -> tuple[list[int], list[Path]]:
    """The memory clocks that can be locked under the power mode, and the files that lock them."""
    debug = root / "sys/kernel/debug"
    rates_hz = numbers(debug / "bpmp/debug/emc/possible_rates", 1000) or numbers(debug / "emc/available_rates")
    cap_hz = min((hz for cap in _EMC_CAPS for hz in numbers(root / "sys/kernel" / cap)), default=10**12)
    files = [debug / name for name in (_BPMP if read(debug / _BPMP[-1]) else _EMC)]
    return ([hz for hz in rates_hz if hz <= cap_hz], files) if rates_hz and read(files[-1]) else ([], [])


class DevfreqBoard:
    """A Jetson's GPU clock (devfreq limits, rail gate) and memory clock (EMC). Snapshots hold text by file name."""

    def __init__(self, node: Path, root: Path, write: Callable[[Path, str], object] = write) -> None:
        self.key = f"jetson:{node.name}"
        self._node, self._root, self._write = node, root, write
        self._mode: tuple[int, int] | None = None  # the power mode's limits, once this process has seen them
        self._own = [node / name for name in ("min_freq", "max_freq", "device/power/control", "device/railgate_enable")]
        memory = [root / "sys/kernel/debug" / name for name in (*_BPMP, *_EMC)]
        self._paths = {path.name: path for path in (*self._own, *memory)}

    def snapshot(self) -> Mapping[str, str]:
        """All that `apply` may write."""
        self._mode = None
        return self._held()

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """See Board. ClockError also above the power mode's limit, and where the kernel drops what it took."""
        before, held, rates_hz = limits(self._node), self._held(), emc(self._root)[0]
        core_hz = self._listed(core_mhz, numbers(self._node / "available_frequencies"))
        memory_hz = None if memory_mhz is None else self._listed(memory_mhz, rates_hz)
        mode = self._mode = self._mode if self._mode and _is_ours(before, self._mode) else before
        if 0 < mode[1] < core_hz:
            raise ClockError(f"{self.key}: {core_mhz:g} MHz is above the power mode's {mode[1] / 1e6:g} MHz")
        steps: list[tuple[str, int | str]] = [("control", "on"), ("railgate_enable", 0)]
        steps += [("max_freq", mode[1]), ("min_freq", core_hz), ("max_freq", core_hz)]
        if memory_hz is not None:
            steps += [("mrq_rate_locked", 1), ("rate", memory_hz), ("state", 1)]
            steps += [("max_rate", rates_hz[-1]), ("min_rate", memory_hz), ("max_rate", memory_hz)]
        put(self.key, [(self._paths[name], value) for name, value in steps if name in held], self._write)
        if before == limits(self._node) != (core_hz, core_hz):
            raise ClockError(f"{self.key}: the kernel took {core_mhz:g} MHz but kept {before} Hz; expected it in force")

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
        """See Board. Limits that a new power mode wrote meanwhile stay; so does its maximum if none was kept."""
        now, (rates_hz, memory_files) = limits(self._node), emc(self._root)
        table = numbers(self._node / "available_frequencies") or [0]
        top = table[-1] if now[0] == now[1] else now[1]
        kept = self._mode or (int(snapshot.get("min_freq", table[0])), int(snapshot.get("max_freq", top)))
        steps = limiting(self._node, *kept) if _is_ours(now, kept) else []
        defaults: dict[str, int | str] = {"railgate_enable": 1, "control": "auto", "mrq_rate_locked": 0}
        defaults |= {"max_rate": max(rates_hz, default=0), "min_rate": min(rates_hz, default=0)}
        there = {path.name for path in (*self._own, *memory_files) if read(path)}
        values = {name: value for name, value in defaults.items() if name in there} | dict(snapshot)
        names = _MEMORY + _POWER if memory and read(self._paths["mrq_rate_locked"]) != "0" else _POWER
        put(self.key, steps + [(self._paths[name], values[name]) for name in names if name in values], self._write)

    def _held(self) -> dict[str, str]:
        """What those files say that are there."""
        held = {path.name: text for path in (*self._own, *emc(self._root)[1]) if (text := read(path))}
        if not {"min_freq", "max_freq"} <= held.keys():
            raise DeviceError(f"{self.key}: {self._node} lacks min_freq or max_freq; is the GPU's driver loaded?")
        return held

    def _listed(self, mhz: float, listed: list[int]) -> int:
        if matching := [clock_hz for clock_hz in listed if abs(clock_hz / 1e6 - mhz) < 0.01]:
            return matching[0]
        raise ClockError(f"{self.key}: {mhz:g} MHz; expected one of {[clock_hz / 1e6 for clock_hz in listed]} MHz")


def _is_ours(now: tuple[int, int], mode: tuple[int, int]) -> bool:
    return now[0] == now[1] or now[1] == mode[1]


class CpufreqBoard:
    """A host's CPU: both limits of all its cpufreq policies. Snapshots hold "lowest highest" in kHz by policy.

    One board, since a lease on half a processor would be half a promise. A policy that cannot reach a clock gets the
    nearest end of its range; one whose cores are offline tells nothing and is left alone.
    """

    key = "cpu:all"

    def __init__(self, policies: list[Path], write: Callable[[Path, str], object] = write) -> None:
        self._policies, self._write = policies, write

    def snapshot(self) -> Mapping[str, str]:
        """Both limits of each policy that tells them."""
        held = {policy.name: limits(policy, "scaling_") for policy in self._policies}
        return {name: f"{low_khz} {high_khz}" for name, (low_khz, high_khz) in held.items() if high_khz}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """See Board. Any clock that some policy reaches; the kernel rounds to those it lists."""
        khz, ranges_khz = round(core_mhz * 1e3), [limits(policy, "cpuinfo_") for policy in self._policies]
        if memory_mhz is not None or not any(0 < low <= khz <= high for low, high in ranges_khz):
            raise ClockError(f"{self.key}: {khz} kHz, memory {memory_mhz}; expected within {ranges_khz}, memory None")
        self.restore(dict.fromkeys(self.snapshot(), f"{khz} {khz}"))

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:  # noqa: ARG002 - it has none
        """See Board. Within each policy's range."""
        steps: list[Step] = []
        for policy in self._policies:
            floor, ceiling = limits(policy, "cpuinfo_")
            if kept_khz := snapshot.get(policy.name, f"{floor} {ceiling}" if ceiling else "").split():
                low, high = (min(max(int(khz), floor), ceiling or int(khz)) for khz in kept_khz)
                steps += limiting(policy, low, high, "scaling_")
        put(self.key, steps, self._write)


def find(root: Path) -> list[DevfreqBoard | CpufreqBoard]:
    """The board of a Jetson's GPU with its memory, and that of the CPU where it has cpufreq."""
    policies = sorted(root.glob("sys/devices/system/cpu/cpufreq/policy[0-9]*"))
    return [*(DevfreqBoard(node, root) for node in gpu_nodes(root)), *([CpufreqBoard(policies)] if policies else [])]
