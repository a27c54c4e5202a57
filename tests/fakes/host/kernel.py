"""A host's kernel files, which behave as the kernel's do. See README.md."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from joulecut_core.timing import Clock, ManualClock
from tests.fakes.host.specs import HostSpec, Policies
from tests.fakes.kernel_files import put, shown

_CPUFREQ = "sys/devices/system/cpu/cpufreq"
_POWERCAP = "sys/class/powercap"
_START_UJ = 1_000_000
_LIVE_PAUSE_S = 0.005
_SHOWN = 0.997


class Regime(Enum):
    """How the kernel answers limits that cross each other."""

    EINVAL = "einval"
    CLAMP = "clamp"


class FakeHost:
    """The files of a host below `root`, following `clock`. Thread-safe."""

    def __init__(self, root: Path, spec: HostSpec, *, clock: Clock, regime: Regime = Regime.CLAMP) -> None:
        self.root = root
        self.spec = spec
        self.regime = regime
        self.writes: list[tuple[str, str]] = []
        self.throttled = 0
        self.gone = False
        self.base_w = 12.0
        self._clock = clock
        self._busy = False
        self._lock = threading.RLock()
        self._counted_s = clock.now_s()
        self._drawn_j = 0.0
        self._shown: dict[Path, int] = {}
        self._folder = root / _CPUFREQ
        specs = [each for each in spec.policies for _ in range(each.count)]
        self._specified = [(f"policy{index}", each) for index, each in enumerate(specs)]
        names = [name for name, _ in self._specified]
        self._currents = [self._folder / name / "scaling_cur_freq" for name in names]
        self._limits = {
            name: tuple(self._folder / name / f"scaling_{limit}_freq" for limit in ("min", "max")) for name in names
        }
        self._counters = [
            root / _POWERCAP / f"intel-rapl:{index}" / "energy_uj" for index in range(len(spec.ranges_uj))
        ]
        self._throttle_counter = root / "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
        self._limits_khz: dict[str, tuple[int, int]] = {}
        self._build()
        self.sync()

    @property
    def policies(self) -> list[Path]:
        """The folders of the cpufreq policies."""
        return sorted(self._folder.glob("policy*"))

    @property
    def busy(self) -> bool:
        """Whether the host computes."""
        return self._busy

    @busy.setter
    def busy(self, value: bool) -> None:
        self.sync()
        self._busy = value
        self.sync()

    @property
    def power_w(self) -> float:
        """What all packages draw together."""
        return self._power_w(self.core_mhz)

    @property
    def core_mhz(self) -> float:
        """The clock of the fastest policy."""
        return _fastest_mhz([self._running_khz(policy, spec) for policy, spec in self._specified])

    @property
    def drawn_j(self) -> float:
        """Joules since the start, as nobody's meter shows them."""
        self.sync()
        return self._drawn_j

    def limits_khz(self, policy: str) -> tuple[int, int]:
        """What is in the limits' files of a policy."""
        low, high = map(shown, self._limits[policy])
        if low and high:  # another process may be writing just now
            self._limits_khz[policy] = (int(low), int(high))
        return self._limits_khz[policy]

    def work(self, *, giga_cycles: float) -> None:
        """Be busy for so many cycles; the clock, a manual one, is moved on."""
        assert isinstance(self._clock, ManualClock)
        self.busy = True
        self._clock.advance_s(giga_cycles * 1e3 / self.core_mhz)
        self.busy = False

    def read(self, path: Path) -> str:
        """Read a file as the kernel lets this reader."""
        self.sync()
        if path.name == "energy_uj" and self.gone:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        if path.name == "energy_uj" and not self.spec.is_root:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return path.read_text(encoding="utf-8")

    def write(self, path: Path, text: str) -> int:
        """Write a limit as the kernel lets this writer."""
        with self._lock:
            if not self.spec.is_root:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            low_khz, high_khz = self.limits_khz(path.parent.name)
            khz, is_low = int(text), path.name == "scaling_min_freq"
            if self.regime is Regime.EINVAL and (khz > high_khz if is_low else khz < low_khz):
                raise OSError(errno.EINVAL, "Invalid argument", str(path))
            self.sync()
            self.writes.append((f"{path.parent.name}/{path.name}", text))
            put(path, text)
            self.sync()
            return len(text)

    def sync(self) -> None:
        """Let the files show what is now."""
        with self._lock:
            now_s = self._clock.now_s()
            running_khz = [self._running_khz(policy, spec) for policy, spec in self._specified]
            self._drawn_j += self._power_w(_fastest_mhz(running_khz)) * (now_s - self._counted_s)
            self._counted_s = now_s
            share_uj = self._drawn_j * 1e6 / max(1, len(self.spec.ranges_uj))
            for counter, range_uj in zip(self._counters, self.spec.ranges_uj, strict=True):
                self._show(counter, int(_START_UJ + share_uj) % range_uj)
            for current, (_, spec), khz in zip(self._currents, self._specified, running_khz, strict=True):
                self._show(current, round(khz * (1 if spec.listed_khz else _SHOWN)))
            if self.spec.has_sensors:
                self._show(self._throttle_counter, self.throttled)

    @contextmanager
    def live(self) -> Iterator[FakeHost]:
        """A thread that keeps the files true for other processes."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(_LIVE_PAUSE_S):
                self.sync()

        thread = threading.Thread(target=follow, name="fake host", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _power_w(self, core_mhz: float) -> float:
        return self.base_w + core_mhz * (0.012 if self._busy else 0.002)

    def _show(self, path: Path, value: int) -> None:
        if self._shown.get(path) != value:
            put(path, str(value))
            self._shown[path] = value

    def _running_khz(self, policy: str, spec: Policies) -> int:
        low_khz, high_khz = self.limits_khz(policy)
        wanted_khz = max(min(low_khz, high_khz) if not self._busy else high_khz, spec.low_khz)
        below = [khz for khz in spec.listed_khz if khz <= wanted_khz]
        return max(below) if below else wanted_khz

    def _build(self) -> None:
        _create(self.root / "proc/cpuinfo", self.spec.cpuinfo)
        _create(self.root / "proc/sys/kernel/hostname", "bench")
        for name, spec in self._specified:
            policy = self._folder / name
            for kind in ("cpuinfo", "scaling"):
                _create(policy / f"{kind}_min_freq", spec.low_khz)
                _create(policy / f"{kind}_max_freq", spec.high_khz)
            _create(policy / "scaling_driver", self.spec.driver)
            if spec.listed_khz:
                _create(policy / "scaling_available_frequencies", " ".join(map(str, spec.listed_khz)))
        for index, range_uj in enumerate(self.spec.ranges_uj):
            self._zone(f"intel-rapl:{index}", f"package-{index}", range_uj)
            self._zone(f"intel-rapl:{index}:0", "core", range_uj, 400_000_000)
            self._zone(f"intel-rapl:{index}:1", "dram", range_uj, 500_000_000)
        if self.spec.ranges_uj:
            self._zone("intel-rapl-mmio:0", "package-0", self.spec.ranges_uj[0], 600_000_000)
            self._zone(f"intel-rapl:{len(self.spec.ranges_uj)}", "psys", self.spec.ranges_uj[0], 700_000_000)
        if self.spec.has_sensors:
            self._throttle_counter.parent.mkdir(parents=True)
            _create(self.root / "sys/class/thermal/thermal_zone0/type", "acpitz")
            _create(self.root / "sys/class/thermal/thermal_zone0/temp", 99_000)
            _create(self.root / "sys/class/thermal/thermal_zone1/type", "x86_pkg_temp")
            _create(self.root / "sys/class/thermal/thermal_zone1/temp", 47_000)
            _create(self.root / "sys/class/hwmon/hwmon3/name", "coretemp")
            _create(self.root / "sys/class/hwmon/hwmon3/temp1_input", 48_500)

    def _zone(self, folder: str, name: str, range_uj: int, energy_uj: int = 0) -> None:
        zone = self.root / _POWERCAP / folder
        _create(zone / "name", name)
        _create(zone / "max_energy_range_uj", range_uj)
        _create(zone / "energy_uj", energy_uj)


def _fastest_mhz(running_khz: list[int]) -> float:
    return max(running_khz, default=2_000_000) / 1e3


def _create(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, str(value))
