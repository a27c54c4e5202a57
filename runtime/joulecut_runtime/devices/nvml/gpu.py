"""One GPU, read through NVML in joulecut's units."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.nvml_board import gpus
from joulecut_runtime.devices.nvml.counter import MOST_W
from joulecut_runtime.devices.nvml.errors import GPU_IS_LOST, Reaction, device_error, meaning_of
from joulecut_runtime.devices.nvml.library import Library, RefusalError

_CLOCK_GRAPHICS, _CLOCK_SM, _CLOCK_MEMORY = 0, 1, 2
_FIELD_ENERGY, _FIELD_POWER_INSTANT = 83, 186
_UNSIGNED_INT = 1

_REASONS: Mapping[ThrottleReason, int] = {
    ThrottleReason.POWER_CAP: 0x4,
    ThrottleReason.THERMAL: 0x20 | 0x40,
    ThrottleReason.HARDWARE: 0x8 | 0x80,
}
"""SwPowerCap; SwThermal, HwThermal; HwSlowdown, HwPowerBrake."""


class Gpu:
    """A GPU by its UUID. Safe to call from several threads.

    Every reading raises DeviceError where the GPU has vanished; the next one looks for it again. Readings that return
    None are optional: the GPU, its driver or its library does not offer them.
    """

    def __init__(self, library: Library, *, uuid: str, name: str) -> None:
        self.uuid = uuid
        self.name = name
        self._library = library
        self._lock = threading.Lock()
        self._handle: Any = None

    def required(self, call: str, *arguments: object) -> Any:
        """What an NVML function of this GPU returns; raises DeviceError, ClockError where it fails."""
        try:
            return self._ask(call, *arguments)
        except RefusalError as error:
            raise self._error(error, call) from error

    def optional(self, call: str, *arguments: object) -> Any:
        """As `required`, but None where the call fails for any reason but the GPU's loss."""
        try:
            return self._ask(call, *arguments)
        except RefusalError as error:
            if meaning_of(error.code).reaction is Reaction.REOPEN:
                raise self._error(error, call) from error
            return None

    def has(self, *symbols: str) -> bool:
        """Whether the driver's library has all these functions."""
        return all(self._library.has(symbol) for symbol in symbols)

    def field(self, field: int, *, scope: int = 0) -> int | None:
        """A field value; None where it is refused: each carries a code of its own."""
        values = self.optional("nvmlDeviceGetFieldValues", [(field, scope)])
        if values is None or values[0].nvmlReturn != 0:
            return None
        value = values[0].value
        return int(value.uiVal if values[0].valueType == _UNSIGNED_INT else value.ullVal)

    def core_mhz(self) -> float:
        """The clock of the multiprocessors now."""
        mhz = self.optional("nvmlDeviceGetClockInfo", _CLOCK_SM)
        return float(mhz if mhz is not None else self.required("nvmlDeviceGetClockInfo", _CLOCK_GRAPHICS))

    def memory_mhz(self) -> float | None:
        """The memory clock now."""
        mhz = self.optional("nvmlDeviceGetClockInfo", _CLOCK_MEMORY)
        return None if mhz is None else float(mhz)

    def top_core_mhz(self) -> float | None:
        """The highest clock the multiprocessors can run at."""
        mhz = self.optional("nvmlDeviceGetMaxClockInfo", _CLOCK_SM)
        return None if mhz is None else float(mhz)

    def memory_clocks_mhz(self) -> tuple[int, ...]:
        """The legal memory clocks, descending; empty where the driver lists none."""
        return tuple(sorted(self.optional("nvmlDeviceGetSupportedMemoryClocks") or (), reverse=True))

    def core_clocks_mhz(self, memory_mhz: int) -> tuple[int, ...]:
        """The core clocks that are legal at a listed memory clock, descending."""
        return tuple(sorted(self.optional("nvmlDeviceGetSupportedGraphicsClocks", memory_mhz) or (), reverse=True))

    def energy_j(self) -> float | None:
        """The driver's counter: joules since it was loaded."""
        millijoules = self.optional("nvmlDeviceGetTotalEnergyConsumption")
        if millijoules is None:
            millijoules = self.field(_FIELD_ENERGY)
        return None if millijoules is None else millijoules / 1e3

    def power_usage_w(self) -> float | None:
        """Draw of the board: instantaneous on some generations, averaged over a second on others."""
        return _watts(self.optional("nvmlDeviceGetPowerUsage"))

    def instant_power_w(self, scope: int) -> float | None:
        """Draw at this instant, of NVML's power scope 0 (the GPU board) or 1 (the module)."""
        return _watts(self.field(_FIELD_POWER_INSTANT, scope=scope))

    def power_limit_w(self) -> float | None:
        """The power limit in force."""
        milliwatts = self.optional("nvmlDeviceGetEnforcedPowerLimit")
        return None if milliwatts is None else milliwatts / 1e3

    def temperature_c(self) -> float | None:
        """Of the chip."""
        celsius = self.optional("nvmlDeviceGetTemperature", 0)
        return None if celsius is None else float(celsius)

    def throttle(self) -> frozenset[ThrottleReason] | None:
        """Why the clock is below what was asked for; the call's older name on drivers that lack the newer."""
        bits = self.optional("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self.optional("nvmlDeviceGetCurrentClocksThrottleReasons")
        return None if bits is None else frozenset(reason for reason, mask in _REASONS.items() if bits & mask)

    def is_persistent(self) -> bool | None:
        """Whether the driver stays loaded, and keeps locks, while nobody has it open."""
        mode = self.optional("nvmlDeviceGetPersistenceMode")
        return None if mode is None else bool(mode)

    def is_divided(self) -> bool | None:
        """Whether MIG divides it into instances."""
        modes = self.optional("nvmlDeviceGetMigMode")
        return None if modes is None else bool(modes[0])

    def mps_processes(self) -> int:
        """Processes that share it through the multi-process service, as far as the driver tells."""
        return len(self.optional("nvmlDeviceGetMPSComputeRunningProcesses") or ())

    def architecture(self) -> int | None:
        """NVML's number of its generation."""
        number = self.optional("nvmlDeviceGetArchitecture")
        return None if number is None else int(number)

    def pci_bus_id(self) -> str | None:
        """Its place on the bus."""
        info = self.optional("nvmlDeviceGetPciInfo")
        if info is None:
            return None
        bus_id = info.busId
        return bus_id.decode() if isinstance(bus_id, bytes) else str(bus_id)

    def _ask(self, call: str, *arguments: object) -> Any:
        try:
            return self._library.ask(call, self._found(), *arguments)
        except RefusalError as error:
            if meaning_of(error.code).reaction is Reaction.REOPEN:
                with self._lock:
                    self._handle = None
            raise

    def _found(self) -> Any:
        with self._lock:
            if self._handle is None:
                self._handle = self._look_up()
            if self._handle is None:
                self._library.open_anew()
                self._handle = self._look_up()
            if self._handle is None:
                raise RefusalError(GPU_IS_LOST)
            return self._handle

    def _look_up(self) -> Any:
        self._library.ask("nvmlDeviceGetCount")  # opens the library again where somebody shut it down
        return next((handle for uuid, handle in gpus() if uuid == self.uuid), None)

    def _error(self, error: RefusalError, call: str) -> DeviceError:
        return device_error(error.code, who=f"{self.name} ({self.uuid})", doing=call)


def _watts(milliwatts: int | None) -> float | None:
    """None for more than a board can draw: all bits set is what some drivers say where they have no reading."""
    return None if milliwatts is None or milliwatts > MOST_W * 1e3 else milliwatts / 1e3
