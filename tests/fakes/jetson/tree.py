"""A kernel tree of one Jetson as files below a root folder. See README.md for what is where."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.fakes.jetson.boards import BoardSpec, EmcLayout, RailLayout
from tests.fakes.kernel_files import put


def hz(mhz: float) -> int:
    """A clock in the kernel's unit."""
    return round(mhz * 1e6)


def create(path: Path, text: str) -> None:
    """A new file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, text)


@dataclass(frozen=True, kw_only=True)  # without slots: the fake kernel asks for the same paths again and again
class JetsonTree:
    """Where things are in a built tree."""

    root: Path
    spec: BoardSpec

    @cached_property
    def node(self) -> Path:
        """The GPU's devfreq node."""
        return self.root / "sys/devices" / self.spec.device / "devfreq" / self.spec.node

    @cached_property
    def gpu(self) -> Path:
        """The GPU's device folder: power/control, load, railgate_enable."""
        return self.root / "sys/devices" / self.spec.device

    @cached_property
    def debug(self) -> Path:
        """Where debugfs is mounted."""
        return self.root / "sys/kernel/debug"

    @cached_property
    def emc(self) -> Path:
        """The folder of the files that lock the memory clock."""
        return self.debug / ("emc" if self.spec.emc is EmcLayout.LIMITS else "bpmp/debug/clk/emc")

    @cached_property
    def emc_rate(self) -> Path:
        """The file that shows the memory clock in Hz."""
        return self.debug / "clk/emc/clk_rate" if self.spec.emc is EmcLayout.LIMITS else self.emc / "rate"

    @cached_property
    def thermal(self) -> Path:
        """The GPU's thermal zone."""
        return self.root / "sys/class/thermal/thermal_zone1"

    @cached_property
    def cooling(self) -> Path:
        """The cooling device that slows the GPU when it is hot."""
        return self.root / "sys/class/thermal/cooling_device1"

    @cached_property
    def over_current(self) -> Path:
        """The counter of over-current events."""
        return self.root / "sys/class/hwmon/hwmon1/oc2_event_cnt"

    @cached_property
    def busy(self) -> Path:
        """Holds 1 while the GPU works: any process may write it, the fake kernel reads it."""
        return self.root / "fake-kernel/busy"

    @property
    def board_key(self) -> str:
        """The key of the GPU's clocks in leases."""
        return f"jetson:{self.spec.node}"

    def channels(self) -> list[tuple[str, Path, int]]:
        """Label, folder and channel number of each rail file set, wherever the hwmon number is now."""
        drivers = self.root / "sys/bus/i2c/drivers"
        if self.spec.layout is RailLayout.IIO:
            names = sorted(drivers.glob("ina3221x/*/iio:device*/rail_name_*"))
            return [(name.read_text(encoding="utf-8").strip(), name.parent, int(name.name[-1])) for name in names]
        names = sorted(drivers.glob("ina3221/*/hwmon/hwmon*/in[1-3]_label"))
        return [(name.read_text(encoding="utf-8").strip(), name.parent, int(name.name[2])) for name in names]

    def renumber_hwmon(self, offset: int = 10) -> None:
        """Give every power monitor another hwmon number, as the next boot may."""
        for folder in sorted((self.root / "sys/bus/i2c/drivers").glob("*/*/hwmon/hwmon*")):
            number = int(folder.name.removeprefix("hwmon"))
            folder.rename(folder.with_name(f"hwmon{number + offset}"))

    def remove_debugfs(self) -> None:
        """Take debugfs away, as in a container."""
        shutil.rmtree(self.debug)


def make_unreadable(path: Path) -> None:
    """Let every read and write of a file fail, for root too."""
    path.unlink()
    path.mkdir()


def make_blocking(path: Path) -> None:
    """Let every read of a file block until `unblock`."""
    fresh = path.with_name(f".{path.name}.fresh")
    os.mkfifo(fresh)
    fresh.replace(path)


def unblock(path: Path, text: str) -> None:
    """Answer the read that blocks, if there is one, and all later ones."""
    pipe = os.open(path, os.O_RDWR)  # opened for both, a pipe waits for nobody
    put(path, text)
    os.write(pipe, f"{text}\n".encode())
    os.close(pipe)


def build(root: Path, spec: BoardSpec) -> JetsonTree:
    """A freshly booted board: the mode caps nothing, the GPU idles, the rails read 5 V and 0 A."""
    tree = JetsonTree(root=root, spec=spec)
    create(root / "etc/nv_tegra_release", spec.release)
    create(root / "var/lib/nvpmodel/status", "pmode:0000")
    (root / "proc/device-tree").mkdir(parents=True)
    (root / "proc/device-tree/compatible").write_bytes(spec.compatible.encode() + b"\0")
    (root / "proc/device-tree/model").write_bytes(spec.model.encode() + b"\0")
    (root / "proc/device-tree/serial-number").write_bytes(b"1420000000017\0")
    create(tree.busy, "0")
    _build_gpu(tree)
    _build_emc(tree)
    _build_rails(tree)
    _build_thermal(tree)
    return tree


def _build_gpu(tree: JetsonTree) -> None:
    spec, node = tree.spec, tree.node
    ladder = [hz(mhz) for mhz in spec.core_mhz]
    create(node / "available_frequencies", " ".join(map(str, ladder)))
    create(node / "min_freq", str(ladder[0]))
    create(node / "max_freq", str(ladder[-1]))
    create(node / "cur_freq", str(ladder[0]))
    create(node / "governor", "nvhost_podgov")
    create(node / "available_governors", spec.governors)
    create(tree.gpu / "power/control", "auto")
    if spec.load:
        create(tree.gpu / "load", "0")
    if spec.layout is RailLayout.IIO:
        create(tree.gpu / "railgate_enable", "1")
    (node / "device").symlink_to(tree.gpu)
    if spec.of_name is not None:
        of_node = tree.root / "proc/device-tree" / spec.node
        of_node.mkdir()
        (of_node / "name").write_bytes(spec.of_name.encode() + b"\0")
        (tree.gpu / "of_node").symlink_to(of_node)
    classes = tree.root / "sys/class/devfreq"
    classes.mkdir(parents=True)
    (classes / spec.node).symlink_to(node)
    others = ("gpu-nvd-0", "bwmgr") if spec.of_name is None else ("15340000.vic",)
    for name in others:
        other = tree.root / "sys/devices/platform" / name / "devfreq" / name
        for file, value in (("min_freq", 204), ("max_freq", 1036), ("cur_freq", 204)):
            create(other / file, str(hz(value)))
        create(other / "available_frequencies", f"{hz(204)} {hz(1036)}")
        (other / "device").symlink_to(other.parent.parent)
        (classes / name).symlink_to(other)


def _build_emc(tree: JetsonTree) -> None:
    spec = tree.spec
    tree.debug.mkdir(parents=True)
    if spec.emc is EmcLayout.NONE:
        return
    rates = [hz(mhz) for mhz in spec.emc_mhz]
    create(tree.emc_rate, str(rates[0]))
    create(tree.emc / "min_rate", str(rates[0]))
    create(tree.emc / "max_rate", str(rates[-1]))
    if spec.emc is EmcLayout.LIMITS:
        create(tree.emc / "available_rates", " ".join(map(str, rates)))
    else:
        create(tree.emc / "mrq_rate_locked", "0")
        create(tree.emc / "state", "1")
        create(tree.debug / "bpmp/debug/emc/possible_rates", " ".join(str(rate // 1000) for rate in rates))
    if spec.emc_cap is not None:
        create(tree.root / "sys/kernel" / spec.emc_cap, "0")


def _build_rails(tree: JetsonTree) -> None:
    spec = tree.spec
    drivers = tree.root / "sys/bus/i2c/drivers"
    for address in sorted({rail.address for rail in spec.rails}):
        rails = [rail for rail in spec.rails if rail.address == address]
        number = int(address[-1])
        if spec.layout is RailLayout.IIO:
            folder = drivers / f"ina3221x/{address}/iio:device{number}"
            for index, rail in enumerate(rails):
                create(folder / f"rail_name_{index}", rail.label)
                create(folder / f"in_voltage{index}_input", "5000")
                create(folder / f"in_current{index}_input", "0")
                create(folder / f"in_power{index}_input", "0")
            continue
        folder = drivers / f"ina3221/{address}/hwmon/hwmon{3 + number}"
        create(folder / "name", "ina3221")
        create(folder / "update_interval", "1")
        for index, rail in enumerate(rails, start=1):
            create(folder / f"in{index}_label", rail.label)
            create(folder / f"in{index}_input", "5000")
            create(folder / f"curr{index}_input", "0")
        create(folder / "in7_label", "sum of shunt voltages")
        create(folder / "in7_input", "3")
    if spec.carrier_input:
        folder = drivers / "ina238/2-0044/hwmon/hwmon6"
        create(folder / "name", "ina238")
        create(folder / "power1_input", "0")


def _build_thermal(tree: JetsonTree) -> None:
    classes = tree.root / "sys/class/thermal"
    for index, (name, value) in enumerate((("cpu-thermal", "45500"), (tree.spec.thermal_zone, "44250"))):
        create(classes / f"thermal_zone{index}/type", name)
        create(classes / f"thermal_zone{index}/temp", value)
    # The fan cools too, and that is no throttling.
    for index, (name, state) in enumerate((("pwm-fan", "2"), ("gpu-throttle-alert", "0"))):
        create(classes / f"cooling_device{index}/type", name)
        create(classes / f"cooling_device{index}/cur_state", state)
    create(tree.over_current.parent / "name", "soctherm_oc")
    create(tree.over_current, "0")
