"""Reads one NVIDIA GPU through NVML. Needs no privilege and sets nothing."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.patience import OPENING_S, TIMEOUT_S, BlockedError, Patience
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.nvml.counter import EnergyCounter, measure_period_s
from joulecut_runtime.devices.nvml.inventory import GpuRecord, find_gpu, record_of, refuse_tegra
from joulecut_runtime.devices.nvml.library import Library
from joulecut_runtime.devices.nvml.power import BOARD, PowerSource, find_power
from joulecut_runtime.devices.nvml.sampler import SAMPLING_PERIOD_S, PowerSampler
from joulecut_runtime.devices.nvml.tables import listed_mhz, read_clock_table

_LOG = logging.getLogger(__name__)
_NO_METER = "nothing: no meter"
_STANDS_STILL = "its energy counter stands still: joulecut samples power and integrates it"


class NvmlProbe:
    """A GPU as a Probe. Keeps NVML open until closed, so that a driver without persistence mode keeps its clocks.

    Opening measures how often the energy counter steps, which takes about half a second. Raises DeviceError where a
    call of the driver's blocks for `timeout_s` seconds on the wall.
    """

    def __init__(
        self, selector: str = "", *, clock: Clock, root: Path = Path("/"), timeout_s: float = TIMEOUT_S
    ) -> None:
        """`selector`: index, UUID or PCI bus id; "" for the first GPU. `root`: where a Jetson would be recognised.

        Raises DeviceError where there is no driver or no such GPU, and on a Jetson.
        """
        refuse_tegra(root)
        self._clock = clock
        self._closed = False
        self._library: Library | None = None
        self._meter: EnergyCounter | PowerSampler | None = None
        self._patience = Patience(timeout_s, doing="asking NVML for")
        try:
            self._patience.run(
                f"GPU {selector}" if selector else "a GPU",
                partial(self._open, selector),
                timeout_s=OPENING_S,
            )
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> DeviceInfo:
        """The GPU, its driver, and what its joules contain."""
        return self._info

    @property
    def board(self) -> str:
        """The key of its clocks: the whole GPU's, whoever uses a share of it."""
        return f"nvml:{self._gpu.uuid}"

    @property
    def capabilities(self) -> Capabilities:
        """What its generation and its driver offer."""
        return self._capabilities

    @property
    def clock_table(self) -> ClockTable:
        """The operating points that its driver lists now; a closed probe's are those it read last."""
        if not self._closed:
            self._table = self._patience.run(f"the clocks of {self._info.name}", self._read_table)
        return self._table

    def read(self) -> DeviceState:
        """Clocks, power, temperature, throttling and energy, now. Raises DeviceError where the GPU has vanished.

        A GPU that comes back, after a reset say, is read again by the next call.
        """
        if self._closed:
            raise DeviceError(f"{self._info.name} is closed; open it again")
        return self._patience.run(f"the state of {self._info.name}", self._read_state)

    def close(self) -> None:
        """Stop sampling and let go of NVML. Safe to call twice; a driver that hangs is let go of once it answers."""
        if self._closed:
            return
        self._closed = True
        try:
            self._patience.run("its end", self._let_go)
        except BlockedError as error:
            _LOG.warning("NVML is left open: %s", error)
        self._patience.close(self._let_go)

    def _open(self, selector: str) -> None:
        self._library = library = Library()
        self._gpu, index = find_gpu(selector, library)
        record = record_of(self._gpu, index=index, library=library)
        self._power = find_power(self._gpu)
        self._capabilities, period_s = self._open_meter(record.capabilities)
        self._info = _info(record, self._power, self._capabilities.meter, period_s)
        self._table = self._read_table()

    def _let_go(self) -> None:
        if isinstance(self._meter, PowerSampler):
            self._meter.close()
        if self._library is not None:
            self._library.close()

    def _read_table(self) -> ClockTable:
        return read_clock_table(self._gpu, self._capabilities)

    def _read_state(self) -> DeviceState:
        point = self._point()
        energy = None if self._meter is None else self._meter.read()
        return DeviceState(
            time_s=self._clock.now_s(),
            point=point,
            power_w=None if self._power is None else self._power.read_w(),
            temperature_c=self._gpu.temperature_c(),
            throttle=self._gpu.throttle() or frozenset(),
            energy_j=None if energy is None else energy[0],
            energy_time_s=None if energy is None else energy[1],
        )

    def _point(self) -> OperatingPoint:
        points = self._table.points
        core_mhz = listed_mhz(self._gpu.core_mhz(), (point.core_mhz for point in points))
        memory_mhz = self._gpu.memory_mhz() if self._capabilities.memory_settable else None
        if memory_mhz is not None:
            memory_mhz = listed_mhz(memory_mhz, (point.memory_mhz or 0.0 for point in points))
        return OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)

    def _open_meter(self, found: Capabilities) -> tuple[Capabilities, float | None]:
        """Capabilities with the meter that really works, and its period."""
        remarks = found.remarks
        if found.meter is MeterKind.COUNTER:
            period_s = measure_period_s(self._gpu.energy_j, self._clock)
            if period_s is not None:
                self._meter = EnergyCounter(self._gpu.energy_j, clock=self._clock, period_s=period_s)
                _LOG.info("%s: the energy counter steps every %g s", self._gpu.name, period_s)
                return found, period_s
            remarks = (*remarks, _STANDS_STILL)
        kind, period = MeterKind.NONE, None
        if self._power is not None:
            sampler = PowerSampler(self._power.read_w, clock=self._clock)
            sampler.start()
            self._meter, kind, period = sampler, MeterKind.SAMPLED, SAMPLING_PERIOD_S
        return (
            Capabilities(
                core_settable=found.core_settable,
                memory_settable=found.memory_settable,
                meter=kind,
                remarks=remarks,
            ),
            period,
        )


def _info(record: GpuRecord, power: PowerSource | None, meter: MeterKind, period_s: float | None) -> DeviceInfo:
    notes = {
        "index": str(record.index),
        "architecture": record.architecture,
        "pci_bus_id": record.pci_bus_id,
        "persistence": _on_off(record.persistence),
        "mig": _on_off(record.mig),
        "power_limit_w": None if record.power_limit_w is None else f"{record.power_limit_w:g}",
    }
    scope = _NO_METER if meter is MeterKind.NONE else BOARD if power is None else power.scope
    return DeviceInfo(
        name=record.name,
        backend="nvml",
        uid=record.uuid,
        driver=record.driver,
        power_scope=scope,
        figures=FigureKind.MEASURED,
        meter_period_s=period_s,
        notes={key: text for key, text in notes.items() if text is not None},
    )


def _on_off(switch: bool | None) -> str | None:
    return None if switch is None else "on" if switch else "off"
