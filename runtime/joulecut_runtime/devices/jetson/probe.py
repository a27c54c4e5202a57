"""Reads a Jetson through files of its kernel; needs no privilege, works on any root folder."""

from __future__ import annotations

import logging
import re
from functools import partial
from pathlib import Path

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_runtime.clockd.kernel_files import emc, gpu_nodes, numbers, read
from joulecut_runtime.devices.hardware.failing_meter import FailingMeter
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, Patience
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.jetson.identity import UNKNOWN, identify, is_tegra
from joulecut_runtime.devices.jetson.power_mode import PowerMode, PowerModeWatch
from joulecut_runtime.devices.jetson.rail_sampler import SAMPLE_PERIOD_S, RailSampler
from joulecut_runtime.devices.jetson.rails import EnergyScope, Rail, energy_scope, find_rails
from joulecut_runtime.devices.jetson.throttling import ThrottleWatch

BACKEND = "jetson"
"""What `DeviceInfo.backend` says of these devices."""

_SAME_CLOCK = 0.005
"""A clock so close to a listed one is that one: an Orin Nano pinned at 1020 MHz reports 1017."""

_MEMORY_RATES = ("bpmp/debug/clk/emc/rate", "clk/emc/clk_rate", "emc/min_rate")
"""Where the memory clock is shown; the last is its lower limit, where nothing shows the rate itself."""

_ABSENT_C = -100.0
"""A power-gated GPU's sensor reads -256 degrees."""

_log = logging.getLogger(__name__)


class JetsonProbe:
    """The Probe of a Jetson's GPU: clocks by devfreq, joules by sampling power rails.

    Safe to call from several threads. Raises DeviceError where the root is not a Jetson's, its GPU has no devfreq
    node, or a read blocks. `background` False samples the rails when read, for clocks that stand still. `timeout_s` is
    on the wall.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        clock: Clock,
        sample_period_s: float = SAMPLE_PERIOD_S,
        background: bool = True,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._root, self._clock = root, clock
        self._patience = Patience(timeout_s)
        self._closed = False
        self._sampler: RailSampler | None = None
        self._failing = FailingMeter()
        run = self._patience.run
        try:
            self._node = run("the devfreq nodes", partial(_gpu_node, root))
            self._identity = run("the device tree", partial(identify, root))
            self._mode = PowerModeWatch(self._identity.model)
            self._throttling = run("the cooling devices", partial(ThrottleWatch, root))
            self._zone = run("the thermal zones", partial(_gpu_zone, root))
            self._has_memory = bool(run("the memory's clocks", partial(emc, root))[1])
            no_meter = run("the power rails", partial(self._open_sampler, sample_period_s, background=background))
            self._capabilities = run(f"{self._node}", partial(self._describe, no_meter))
            self._info = run("the names of the power rails", self._introduce)
            self._table = run("the GPU's clocks", self._read_table)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> DeviceInfo:
        """Who this is; `notes` tell what the rails contain. Joules are integrated from measured watts."""
        return self._info

    @property
    def board(self) -> str:
        """The devfreq node's key."""
        return f"jetson:{self._node.name}"

    @property
    def capabilities(self) -> Capabilities:
        """What the kernel shows to this process: without debugfs there is no memory clock."""
        return self._capabilities

    @property
    def clock_table(self) -> ClockTable:
        """The listed GPU clocks up to the power mode's ceiling, with each memory clock that can be locked.

        A closed probe's are those it read last. Raises DeviceError where the GPU lists no clocks any more.
        """
        return self._table if self._closed else self._patience.run("the GPU's clocks", self._read_table)

    @property
    def power_mode(self) -> PowerMode:
        """The ceilings in force, and how often they changed. Raises DeviceError where they cannot be read."""
        return self._patience.run("the GPU's limits", self._see_mode)[0]

    @property
    def energy_scope(self) -> EnergyScope | None:
        """The rails that are sampled for joules; None where there is no meter."""
        return None if self._sampler is None else self._sampler.scope

    @property
    def rails(self) -> tuple[Rail, ...]:
        """All power rails there are now, metered or not."""
        return self._patience.run("the power rails", lambda: find_rails(self._root))

    def read(self) -> DeviceState:
        """Clocks, watts, degrees, throttling and integrated joules.

        The clock is the one the kernel reports; the memory clock is None where it cannot be set, watts and joules where
        a rail cannot be sampled. Raises DeviceError where the GPU has vanished, or a read blocks.
        """
        self._check_open()
        return self._patience.run(f"{self._node}", self._read_state)

    def close(self) -> None:
        """Stop sampling. Safe to call twice."""
        self._closed = True
        if self._sampler is not None:
            self._sampler.close()
        self._patience.close()

    def _open_sampler(self, period_s: float, *, background: bool) -> str:
        """Why there is no meter; empty where there is one."""

        def find() -> EnergyScope | None:
            return energy_scope(find_rails(self._root))

        try:
            self._sampler = RailSampler(find, clock=self._clock, period_s=period_s, background=background)
        except DeviceError as error:
            _log.warning("%s has no power meter: %s", self._identity.model, error)
            return f"no power meter: {error}"
        if self._closed:  # nobody waits for it any more: the first sample took too long
            self._sampler.close()
        return ""

    def _describe(self, no_meter: str) -> Capabilities:
        remarks = [no_meter] if no_meter else []
        if self._sampler is not None:
            remarks.append(
                f"power is that of {_words(self._sampler.scope)}, sampled every {self._sampler.period_s * 1e3:g} ms "
                "and integrated; an INA3221 is accurate to about 5 %"
            )
        if not self._has_memory:
            remarks.append(
                "the memory clock can be neither read nor set: debugfs is not mounted, not readable by this process, "
                "or lists no memory clocks"
            )
        core = bool(numbers(self._node / "available_frequencies")) and bool(read(self._node / "min_freq"))
        if not core:
            remarks.append(f"the GPU's clock cannot be set: {self._node} lists no clocks or has no limits")
        return Capabilities(
            core_settable=core,
            memory_settable=core and self._has_memory,
            meter=MeterKind.NONE if self._sampler is None else MeterKind.SAMPLED,
            remarks=tuple(remarks),
        )

    def _introduce(self) -> DeviceInfo:
        who, rails = self._identity, find_rails(self._root)
        serial = who.serial if who.serial != UNKNOWN else who.model
        return DeviceInfo(
            name=who.model,
            backend=BACKEND,
            uid=re.sub(r"[^\w.-]+", "-", f"jetson-{serial}-{self._node.name}"),
            driver=f"L4T {who.l4t}",
            power_scope="none" if self._sampler is None else self._sampler.scope.name,
            figures=FigureKind.MEASURED,
            meter_period_s=None if self._sampler is None else self._sampler.period_s,
            notes={
                "chip": who.chip,
                "rails": ", ".join(f"{rail.label} = {rail.contents}" for rail in rails) or "none",
                "governor": read(self._node / "governor") or UNKNOWN,
                "memory clock": "settable" if self._has_memory else "not readable",
            },
        )

    def _read_limits(self) -> tuple[int, int]:
        texts = [read(self._node / name) for name in ("min_freq", "max_freq")]
        return _whole(texts[0], self._node / "min_freq"), _whole(texts[1], self._node / "max_freq")

    def _see_mode(self) -> tuple[PowerMode, list[int], list[int]]:
        """The mode, the GPU's listed clocks, and the memory clocks it allows."""
        if not self._capabilities.core_settable:
            current = _whole(read(self._node / "cur_freq"), self._node / "cur_freq")
            return PowerMode(ceiling_mhz=current / 1e6, memory_ceiling_mhz=None, changes=0), [current], []
        listed = numbers(self._node / "available_frequencies")
        rates_hz = emc(self._root)[0] if self._has_memory else []
        if not listed or (self._has_memory and not rates_hz):
            raise DeviceError(f"{self._node} or the memory lists no clocks any more; expected those of the power mode")
        low_hz, high_hz = self._read_limits()
        mode = self._mode.see(low_hz, high_hz, listed[-1], rates_hz[-1] if rates_hz else None)
        return mode, listed, rates_hz

    def _read_table(self) -> ClockTable:
        mode, listed, rates_hz = self._see_mode()
        cores = [hz / 1e6 for hz in listed if hz / 1e6 <= mode.ceiling_mhz * (1 + _SAME_CLOCK)] or [listed[0] / 1e6]
        memories: list[float | None] = [hz / 1e6 for hz in rates_hz]
        points = [OperatingPoint(core_mhz=core, memory_mhz=memory) for memory in memories or [None] for core in cores]
        self._table = ClockTable(points=tuple(points))
        return self._table

    def _read_state(self) -> DeviceState:
        _, listed, rates_hz = self._see_mode()
        low_hz, high_hz = self._read_limits() if self._capabilities.core_settable else (0, 0)
        current_hz = _whole(read(self._node / "cur_freq"), self._node / "cur_freq")
        load = read(self._node / "device/load")
        sample = None if self._sampler is None else self._failing.reading(self._sampler.latest)
        now_s = self._clock.now_s()
        return DeviceState(
            time_s=now_s,
            point=OperatingPoint(core_mhz=_listed_mhz(current_hz, listed), memory_mhz=self._memory_mhz(rates_hz)),
            power_w=None if sample is None else sample.power_w,
            temperature_c=_temperature_c(self._zone),
            throttle=self._throttling.reasons(
                now_s=now_s,
                current_hz=current_hz,
                low_hz=low_hz,
                high_hz=high_hz,
                load_permille=int(load) if load.isdigit() else None,
            ),
            energy_j=None if sample is None else sample.energy_j,
            energy_time_s=None if sample is None else sample.time_s,
        )

    def _memory_mhz(self, rates_hz: list[int]) -> float | None:
        if not self._has_memory:
            return None
        debug = self._root / "sys/kernel/debug"
        text = next((text for name in _MEMORY_RATES if (text := read(debug / name))), "")
        return _listed_mhz(_whole(text, debug / _MEMORY_RATES[0]), rates_hz)

    def _check_open(self) -> None:
        if self._closed:
            raise DeviceError(f"{self._identity.model} is closed; open it again")


def _gpu_node(root: Path) -> Path:
    if not is_tegra(root):
        raise DeviceError(
            f"{root} is not a Jetson's: neither etc/nv_tegra_release nor a Tegra in proc/device-tree/compatible; "
            "`joulecut device list` shows what is here"
        )
    nodes = gpu_nodes(root)
    if not nodes:
        raise DeviceError(
            f"no GPU among {root / 'sys/class/devfreq'}/*; expected gv11b, gp10b, ga10b, gb10b, gpu or gpu-gpc-0: "
            "is nvgpu loaded, and sysfs visible here?"
        )
    return nodes[0]


def _gpu_zone(root: Path) -> Path | None:
    zones = {folder: read(folder / "type").lower() for folder in sorted(root.glob("sys/class/thermal/thermal_zone*"))}
    for wanted in ("gpu", "tj"):
        for folder, kind in zones.items():
            if wanted in kind:
                return folder / "temp"
    return None


def _temperature_c(zone: Path | None) -> float | None:
    text = "" if zone is None else read(zone)
    try:
        temperature_c = int(text) / 1000
    except ValueError:  # the sensor of a power-gated GPU refuses
        return None
    return temperature_c if temperature_c > _ABSENT_C else None


def _listed_mhz(clock_hz: int, listed: list[int]) -> float:
    nearest = min(listed, key=lambda each: abs(each - clock_hz))
    return (nearest if abs(nearest - clock_hz) <= nearest * _SAME_CLOCK else clock_hz) / 1e6


def _whole(text: str, path: Path) -> int:
    if not text.isdigit():
        raise DeviceError(f"{path} reads {text!r}; expected a clock in Hz: has the driver gone?")
    return int(text)


def _words(scope: EnergyScope) -> str:
    only = scope.rails[0] if len(scope.rails) == 1 else None
    return f"the {scope.name}" if only is None else f"{only.label} ({scope.name})"
