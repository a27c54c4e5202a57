"""A thread that treats the files of a built tree as the kernel would. See README.md."""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import TracebackType

from joulecut_core.timing import Clock, SystemClock
from tests.fakes.jetson.boards import EmcLayout, RailLayout
from tests.fakes.jetson.tree import JetsonTree, hz
from tests.fakes.kernel_files import put, shown

POLL_S = 0.002
VOLTS = 5.0


class Regime(Enum):
    """How the kernel answers a write of a clock limit."""

    EINVAL = "einval"
    """4.x: a minimum above the maximum, or the reverse, is refused and nothing changes; 0 means no limit."""
    CLAMP = "clamp"
    """PM-QoS: all is accepted, minimum floored and maximum raised to kHz; what is shown lies within the table."""
    READONLY = "readonly"
    """Whoever writes is not root."""
    SILENT_DROP = "silent-drop"
    """Accepted, without effect."""


class FakeKernel:
    """Makes clocks follow limits and rails follow clocks. Safe to call from several threads.

    `write` is the writer seam for boards in this process: it answers as the regime does. Other processes write the
    files; the thread (`with FakeKernel(tree):`) looks every `poll_s`, and takes over or undoes it. Without the thread,
    call `step()`. Writes through the seam are listed in `writes`.
    """

    def __init__(
        self,
        tree: JetsonTree,
        regime: Regime = Regime.CLAMP,
        *,
        clock: Clock | None = None,
        settle_s: float = 0.0,
        rail_period_s: float = 0.005,
        poll_s: float = POLL_S,
    ) -> None:
        self.tree = tree
        self.regime = regime
        self.emc_drops = False
        self.hardware_ceiling_mhz: float | None = None
        self.writes: list[tuple[str, str]] = []
        self._clock = clock or SystemClock()
        self._settle_s = settle_s
        self._rail_period_s = rail_period_s
        self._poll_s = poll_s
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ladder = [hz(mhz) for mhz in tree.spec.core_mhz]
        self._rates = [hz(mhz) for mhz in tree.spec.emc_mhz]
        self._wanted = {"min_freq": self._ladder[0], "max_freq": self._ladder[-1]}
        self._shown = dict(self._wanted)
        self._locked_rate = self._rates[0] if self._rates else 0
        self._target = self._ladder[0]
        self._target_since_s = self._clock.now_s()
        self._rails_since_s = -math.inf
        self._limits = {name: tree.node / name for name in self._wanted}
        self._current, self._load, self._locked = (
            tree.node / "cur_freq",
            tree.gpu / "load",
            tree.emc / "mrq_rate_locked",
        )
        self._channels: list[tuple[str, Path, int]] = []
        self._carriers: list[Path] = []
        self.step()

    # What a test does to the board.

    @property
    def busy(self) -> bool:
        """Whether the GPU works."""
        return _text(self.tree.busy) == "1"

    @busy.setter
    def busy(self, busy: bool) -> None:
        put(self.tree.busy, "1" if busy else "0")
        self.step()

    def switch_mode(
        self, *, max_mhz: float, min_mhz: float | None = None, emc_cap_mhz: float = 0, mode: int = 1
    ) -> None:
        """What nvpmodel does: write both limits anew, the memory's cap and its own status file."""
        with self._lock:
            low = self._ladder[0] if min_mhz is None else hz(min_mhz)
            self._wanted = {"min_freq": low, "max_freq": hz(max_mhz)}
            self._show_limits()
            if self.tree.spec.emc_cap is not None:
                put(self.tree.root / "sys/kernel" / self.tree.spec.emc_cap, str(hz(emc_cap_mhz)))
            put(self.tree.root / "var/lib/nvpmodel/status", f"pmode:{mode:04d}")
            self.step()

    def heat(self, *, throttled: bool) -> None:
        """Let the cooling device that slows the GPU engage or not."""
        put(self.tree.cooling / "cur_state", "3" if throttled else "0")
        put(self.tree.thermal / "temp", "99500" if throttled else "44250")

    # What the kernel answers to whoever writes.

    def write(self, path: Path, text: str) -> None:
        """Take one write as the regime does. Raises OSError as the kernel would."""
        with self._lock:
            relative = path.resolve().relative_to(self.tree.root.resolve()).as_posix()
            self.writes.append((relative, text))
            if self.regime is Regime.READONLY:
                raise OSError(errno.EACCES, "Permission denied", str(path))
            if not path.is_file():
                raise OSError(errno.ENOENT, "No such file or directory", str(path))
            if path.resolve().parent == self.tree.node.resolve() and path.name in self._wanted:
                self._store_limit(path.name, int(text))
            elif path.resolve() == self.tree.emc_rate.resolve() and self.tree.spec.emc is EmcLayout.BPMP:
                self._store_rate(int(text))
            else:
                put(path, text)
            self.step()

    def _store_limit(self, name: str, value: int) -> None:
        if self.regime is Regime.SILENT_DROP:
            self._show_limits()
            return
        if self.regime is Regime.EINVAL:
            low, high = self._wanted["min_freq"], self._wanted["max_freq"]
            if name == "min_freq" and value and high and value > high:
                raise OSError(errno.EINVAL, "Invalid argument", name)
            if name == "max_freq" and value and low and value < low:
                raise OSError(errno.EINVAL, "Invalid argument", name)
        self._wanted[name] = value
        self._show_limits()

    def _store_rate(self, value: int) -> None:
        if not self.emc_drops:
            self._locked_rate = min(self._rates, key=lambda rate: (abs(rate - value), rate))
        put(self.tree.emc_rate, str(self._locked_rate))

    def _show_limits(self) -> None:
        self._settle_limits()
        for name, value in self._shown.items():
            put(self._limits[name], str(value))

    def _settle_limits(self) -> None:
        low, high = self._wanted["min_freq"], self._wanted["max_freq"]
        if self.regime is not Regime.EINVAL:
            high = self._ladder[-1] if high == 0 else min(-(-high // 1000) * 1000, self._ladder[-1])
            low = min(max(low // 1000 * 1000, self._ladder[0]), high)
        self._shown = {"min_freq": low, "max_freq": high}

    # What goes on by itself.

    def step(self) -> None:
        """Let the kernel run once: take what others wrote, move the clocks, update the rails if they are due."""
        with self._lock:
            self._take_foreign_writes()
            self._move_core()
            self._move_emc()
            self._update_rails()

    def _take_foreign_writes(self) -> None:
        """Judge what others wrote since the last step as one change: its order is not to be seen in the files."""
        before: dict[str, str] = {}
        foreign: dict[str, int] = {}
        # Both limits of one moment: a writer may be at the second file between the two looks.
        while before != (texts := {name: _text(limit) for name, limit in self._limits.items()}):
            foreign = _foreign(texts, self._shown)
            if not foreign:
                return
            before = texts
        merged = {**self._wanted, **foreign}
        crossed = 0 < merged["max_freq"] < merged["min_freq"]
        if self.regime is Regime.CLAMP or (self.regime is Regime.EINVAL and not crossed):
            self._wanted = merged
        self._settle_limits()
        for name, text in texts.items():
            # Only what is not as the kernel wants it: the writer may be at the other file this moment.
            if text.isdigit() and int(text) != self._shown[name]:
                put(self._limits[name], str(self._shown[name]))

    def _move_core(self) -> None:
        low = self._shown["min_freq"] or self._ladder[0]
        high = self._shown["max_freq"] or self._ladder[-1]
        busy = self.busy
        wanted = high if busy else low
        if self.hardware_ceiling_mhz is not None:
            wanted = min(wanted, hz(self.hardware_ceiling_mhz))
        below = [listed for listed in self._ladder if listed <= wanted]
        target = below[-1] if below else self._ladder[0]
        now_s = self._clock.now_s()
        if target != self._target:
            self._target, self._target_since_s = target, now_s
        if now_s - self._target_since_s >= self._settle_s:
            _update(self._current, target)
        _update(self._load, 950 if busy else 0)

    def _move_emc(self) -> None:
        spec, rate = self.tree.spec, self.tree.emc_rate
        if spec.emc is EmcLayout.NONE or not rate.is_file():
            return
        free = self._free_rate()
        if spec.emc is EmcLayout.LIMITS:
            low, high = _text(self.tree.emc / "min_rate"), _text(self.tree.emc / "max_rate")
            if low.isdigit() and high.isdigit():
                _update(rate, max(int(low), min(free, int(high))))
            return
        text = _text(rate)
        if _text(self._locked) == "1":
            if text.isdigit() and int(text) != self._locked_rate:
                self._store_rate(int(text))
        else:
            # Also where nothing has to be written: a lock that came and went unseen must not be remembered.
            self._locked_rate = free
            if text != str(free):
                put(rate, str(free))

    def _free_rate(self) -> int:
        cap = "" if self.tree.spec.emc_cap is None else _text(self.tree.root / "sys/kernel" / self.tree.spec.emc_cap)
        below = [rate for rate in self._rates if cap in {"", "0"} or rate <= int(cap)]
        return below[-1] if self.busy and below else self._rates[0]

    def module_power_w(self) -> float:
        """What the module draws now: a shape assumed, rising with the clock, more when busy."""
        current = _text(self._current)
        ghz = int(current) / 1e9 if current.isdigit() else 0.0
        return 4.5 + 0.9 * ghz + (9.0 * ghz if self.busy else 0.0)

    def _update_rails(self) -> None:
        now_s = self._clock.now_s()
        if now_s - self._rails_since_s < self._rail_period_s:
            return
        self._rails_since_s = now_s
        shares = {rail.label: rail.share for rail in self.tree.spec.rails}
        power_w = self.module_power_w()
        if not self._channels or not all(folder.is_dir() for _, folder, _ in self._channels):
            with suppress(FileNotFoundError):  # a test may renumber the monitors this moment
                self._channels = self.tree.channels()
                self._carriers = list(self.tree.root.glob("sys/bus/i2c/drivers/ina238/*/hwmon/hwmon*/power1_input"))
        with suppress(FileNotFoundError):
            for label, folder, index in self._channels:
                milliamperes = round(1000 * shares[label] * power_w / VOLTS)
                if self.tree.spec.layout is RailLayout.IIO:
                    _update(folder / f"in_current{index}_input", milliamperes)
                    _update(folder / f"in_power{index}_input", milliamperes * VOLTS)
                else:
                    _update(folder / f"curr{index}_input", milliamperes)
        for carrier in self._carriers:
            _update(carrier, 1e6 * (power_w + 3.0))

    # The thread.

    def __enter__(self) -> FakeKernel:
        self._thread = threading.Thread(target=self._run, name="fake-kernel", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(self._poll_s):
            self.step()


def _text(path: Path) -> str:
    return shown(path) or ""


def _foreign(texts: Mapping[str, str], shown_hz: Mapping[str, int]) -> dict[str, int]:
    """What somebody else has written."""
    return {name: int(text) for name, text in texts.items() if text.isdigit() and int(text) != shown_hz[name]}


def _update(path: Path, value: float) -> None:
    text, wanted = shown(path), str(round(value))
    if text is not None and text != wanted:
        with suppress(FileNotFoundError):
            put(path, wanted)
