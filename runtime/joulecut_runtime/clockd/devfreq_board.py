"""A Jetson's GPU clock (devfreq limits, rail gate) and memory clock (EMC), set by writing kernel files, in Hz, as root.

Limits are written as maximum = the power mode's, minimum = target, maximum = target: every kernel takes that order, and
at each step minimum = maximum or maximum = the mode's. Whatever else `restore` finds, a new power mode wrote.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.boards import MEMORY_UNTOUCHED, Board, Snapshot

_GPUS = {"ga10b", "gb10b", "gp10b", "gpu", "gv11b"}
_Steps = list[tuple[str, object]]  # file name, value
_EMC_CAPS = ("nvpmodel_emc_cap/emc_iso_cap", "nvpmodel_clk_cap/emc", "debug/bpmp/debug/clk/emc/max_rate")


def read(path: Path) -> str:
    """What a kernel file says; empty where it cannot be read."""
    for _ in range(25):
        try:
            if text := path.read_text(encoding="utf-8", errors="replace").strip("\0\n "):
                return text
        except OSError:
            break
        threading.Event().wait(0.001)  # outside a kernel, a file is empty while somebody replaces its text
    return ""


def listed_hz(path: Path, unit_hz: int = 1) -> list[int]:
    """The clocks that a kernel file lists, ascending."""
    return sorted({int(number) * unit_hz for number in re.findall(r"\d+", read(path))} - {0})


def gpu_nodes(root: Path) -> list[Path]:
    """The devfreq nodes of a Jetson's GPU, by device-tree name; Thor's has none."""
    if not read(root / "etc/nv_tegra_release") and "tegra" not in read(root / "proc/device-tree/compatible"):
        return []
    names = {node: read(node / "device/of_node/name") or node.suffix[1:] for node in root.glob("sys/class/devfreq/*")}
    return sorted(node for node, name in names.items() if name in _GPUS or node.name == "gpu-gpc-0")


def emc(root: Path) -> tuple[list[int], list[Path]]:
    """The memory clocks that can be locked under the power mode, and the files that lock them."""
    debug = root / "sys/kernel/debug"
    rates_hz = listed_hz(debug / "bpmp/debug/emc/possible_rates", 1000) or listed_hz(debug / "emc/available_rates")
    cap_hz = min((hz for cap in _EMC_CAPS for hz in listed_hz(root / "sys/kernel" / cap)), default=10**12)
    bpmp = [debug / "bpmp/debug/clk/emc" / name for name in ("mrq_rate_locked", "rate", "state")]
    files = bpmp if read(bpmp[0]) else [debug / "emc/min_rate", debug / "emc/max_rate"]
    return ([hz for hz in rates_hz if hz <= cap_hz], files) if rates_hz and read(files[0]) else ([], [])


def find(root: Path) -> list[Board]:
    """The GPU's board; none where there is no Jetson."""
    return [DevfreqBoard(node, root) for node in gpu_nodes(root)]


class DevfreqBoard:
    """The Board of a GPU's devfreq node and the memory below the same root. Snapshots hold text by file name."""

    def __init__(self, node: Path, root: Path, write: Callable[[Path, str], object] = Path.write_text) -> None:
        self.key = f"jetson:{node.name}"
        self._node, self._root, self._write = node, root, write
        self._mode: tuple[int, int] | None = None  # the power mode's limits, once this process has seen them

    def snapshot(self) -> Snapshot:
        """All that `apply` may write."""
        self._mode = None
        return {name: read(path) for name, path in self._whole().items()}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """See Board. ClockError also above the power mode's limit, and where the kernel drops what it took."""
        files, before, rates_hz = self._whole(), self._limits(), emc(self._root)[0]
        core_hz = self._listed(core_mhz, listed_hz(self._node / "available_frequencies"))
        memory_hz = None if memory_mhz is None else self._listed(memory_mhz, rates_hz)
        mode = self._mode = self._mode if self._mode and _is_ours(before, self._mode) else before
        if 0 < mode[1] < core_hz:
            raise ClockError(f"{self.key}: {core_mhz:g} MHz is above the power mode's {mode[1] / 1e6:g} MHz")
        steps: _Steps = [("control", "on"), ("railgate_enable", 0)]
        steps += [("max_freq", mode[1]), ("min_freq", core_hz), ("max_freq", core_hz)]
        if memory_hz is not None:
            steps += [("mrq_rate_locked", 1), ("rate", memory_hz), ("state", 1)]
            steps += [("max_rate", rates_hz[-1]), ("min_rate", memory_hz), ("max_rate", memory_hz)]
        self._put([step for step in steps if step[0] in files])
        if before == self._limits() != (core_hz, core_hz):
            raise ClockError(f"{self.key}: the kernel took {core_mhz:g} MHz but kept {before} Hz; expected it in force")

    def restore(self, snapshot: Snapshot) -> None:
        """See Board. Limits that a new power mode wrote meanwhile stay; so does its maximum if none was kept."""
        now, free = self._limits(), read(self._root / "sys/kernel/debug/bpmp/debug/clk/emc/mrq_rate_locked") == "0"
        table, rates_hz = listed_hz(self._node / "available_frequencies") or [0], emc(self._root)[0] or [0]
        top = table[-1] if now[0] == now[1] else now[1]
        low, high = self._mode or (int(snapshot.get("min_freq", table[0])), int(snapshot.get("max_freq", top)))
        limits: _Steps = [("max_freq", high), ("min_freq", low)]
        steps = [] if not _is_ours(now, (low, high)) else limits[::-1] if 0 < high < now[0] else limits
        emc_names = ("rate", "state", "mrq_rate_locked", "max_rate", "min_rate")
        rest = (*(() if free or MEMORY_UNTOUCHED in snapshot else emc_names), "railgate_enable", "control")
        defaults: _Steps = [("mrq_rate_locked", 0), ("max_rate", rates_hz[-1]), ("min_rate", rates_hz[0])]
        defaults += [("railgate_enable", 1), ("control", "auto")]
        values = {**{name: value for name, value in defaults if name in self._files()}, **snapshot}
        self._put(steps + [(name, values[name]) for name in rest if name in values])

    def _files(self) -> dict[str, Path]:
        names = ("min_freq", "max_freq", "device/power/control", "device/railgate_enable")
        return {path.name: path for path in (*map(self._node.joinpath, names), *emc(self._root)[1]) if read(path)}

    def _whole(self) -> dict[str, Path]:
        if not {"min_freq", "max_freq"} <= (files := self._files()).keys():
            raise DeviceError(f"{self.key}: {self._node} lacks min_freq or max_freq; is the GPU's driver loaded?")
        return files

    def _limits(self) -> tuple[int, int]:
        return int(read(self._node / "min_freq") or 0), int(read(self._node / "max_freq") or 0)

    def _put(self, steps: _Steps) -> None:
        files, failures = self._files(), []
        for name, value in steps:
            try:
                if read(files[name]) != str(value):
                    self._write(files[name], str(value))
            except (KeyError, OSError) as error:
                failures.append(f"{name} = {value}: {getattr(error, 'strerror', 'no such file')}")
        if failures:
            raise DeviceError(f"{self.key}: {'; '.join(failures)}; it takes root, or joulecut-clockd, and the driver")

    def _listed(self, mhz: float, listed: list[int]) -> int:
        for clock_hz in listed:
            if abs(clock_hz / 1e6 - mhz) < 0.01:
                return clock_hz
        raise ClockError(f"{self.key}: {mhz:g} MHz; expected one of {[clock_hz / 1e6 for clock_hz in listed]} MHz")


def _is_ours(limits: tuple[int, int], mode: tuple[int, int]) -> bool:
    return limits[0] == limits[1] or limits[1] == mode[1]
