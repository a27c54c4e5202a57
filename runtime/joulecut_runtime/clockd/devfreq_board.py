"""A Jetson's GPU clock (devfreq limits, rail gate) and memory clock (EMC), set by writing kernel files, in Hz, as root.

Limits are written as maximum = the power mode's, minimum = target, maximum = target: every kernel takes that order, and
at each step minimum = maximum or maximum = the mode's. Whatever else `restore` finds, a new power mode wrote.
"""

from pathlib import Path

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.boards import MEMORY_UNTOUCHED, Board, Snapshot
from joulecut_runtime.clockd.kernel_files import Write, limiting, limits, numbers, put, read, write

_GPUS = {"ga10b", "gb10b", "gp10b", "gpu", "gv11b"}
_EMC_CAPS = ("nvpmodel_emc_cap/emc_iso_cap", "nvpmodel_clk_cap/emc", "debug/bpmp/debug/clk/emc/max_rate")
_BPMP = ("bpmp/debug/clk/emc/rate", "bpmp/debug/clk/emc/state", "bpmp/debug/clk/emc/mrq_rate_locked")
_EMC = ("emc/max_rate", "emc/min_rate")
"""What locks memory: BPMP or, on other kernels, limits of its own. The last file tells whether it is there."""
_MEMORY, _POWER = ("rate", "state", "mrq_rate_locked", "max_rate", "min_rate"), ("railgate_enable", "control")
"""What is restored after the limits, in this order."""


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


def find(root: Path) -> list[Board]:
    """The GPU's board; none where there is no Jetson."""
    return [DevfreqBoard(node, root) for node in gpu_nodes(root)]


class DevfreqBoard:
    """The Board of a GPU's devfreq node and the memory below the same root. Snapshots hold text by file name."""

    def __init__(self, node: Path, root: Path, write: Write = write) -> None:
        self.key = f"jetson:{node.name}"
        self._node, self._root, self._write = node, root, write
        self._mode: tuple[int, int] | None = None  # the power mode's limits, once this process has seen them
        self._own = [node / name for name in ("min_freq", "max_freq", "device/power/control", "device/railgate_enable")]
        memory = [root / "sys/kernel/debug" / name for name in (*_BPMP, *_EMC)]
        self._paths = {path.name: path for path in (*self._own, *memory)}

    def snapshot(self) -> Snapshot:
        """All that `apply` may write."""
        self._mode = None
        return self._whole()

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """See Board. ClockError also above the power mode's limit, and where the kernel drops what it took."""
        before, held, rates_hz = limits(self._node), self._whole(), emc(self._root)[0]
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

    def restore(self, snapshot: Snapshot) -> None:
        """See Board. Limits that a new power mode wrote meanwhile stay; so does its maximum if none was kept."""
        now, held, rates_hz = limits(self._node), self._held(), emc(self._root)[0] or [0]
        table = numbers(self._node / "available_frequencies") or [0]
        top = table[-1] if now[0] == now[1] else now[1]
        kept = self._mode or (int(snapshot.get("min_freq", table[0])), int(snapshot.get("max_freq", top)))
        steps = limiting(self._node, *kept) if _is_ours(now, kept) else []
        defaults = {"mrq_rate_locked": "0", "max_rate": str(rates_hz[-1]), "min_rate": str(rates_hz[0])}
        defaults |= {"railgate_enable": "1", "control": "auto"}
        values = {name: value for name, value in defaults.items() if name in held} | dict(snapshot)
        free = MEMORY_UNTOUCHED in snapshot or read(self._paths["mrq_rate_locked"]) == "0"
        names = _POWER if free else _MEMORY + _POWER
        put(self.key, steps + [(self._paths[name], values[name]) for name in names if name in values], self._write)

    def _held(self) -> dict[str, str]:
        """What those files say that are there."""
        return {path.name: text for path in (*self._own, *emc(self._root)[1]) if (text := read(path))}

    def _whole(self) -> dict[str, str]:
        if not {"min_freq", "max_freq"} <= (held := self._held()).keys():
            raise DeviceError(f"{self.key}: {self._node} lacks min_freq or max_freq; is the GPU's driver loaded?")
        return held

    def _listed(self, mhz: float, listed: list[int]) -> int:
        if matching := [clock_hz for clock_hz in listed if abs(clock_hz / 1e6 - mhz) < 0.01]:
            return matching[0]
        raise ClockError(f"{self.key}: {mhz:g} MHz; expected one of {[clock_hz / 1e6 for clock_hz in listed]} MHz")


def _is_ours(now: tuple[int, int], mode: tuple[int, int]) -> bool:
    return now[0] == now[1] or now[1] == mode[1]
