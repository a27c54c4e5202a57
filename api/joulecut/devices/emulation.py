"""An emulated device seen the way real ones are, so that lists and diagnoses need no second path for it."""

from __future__ import annotations

from joulecut_core.clocks import ClockTable
from joulecut_core.devices import Device, DeviceInfo, DeviceState
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind


class EmulatedProbe:
    """A Probe over an emulated device, which it closes. Each process that opens one has its own."""

    def __init__(self, name: str, device: Device) -> None:
        self._device = device
        self.board = name
        self.info: DeviceInfo = device.info
        self.capabilities = Capabilities(
            core_settable=True,
            memory_settable=len(device.clock_table.memory_clocks_mhz) > 1,
            meter=MeterKind.NONE if device.info.meter_period_s is None else MeterKind.COUNTER,
        )

    @property
    def clock_table(self) -> ClockTable:
        """The points of its file."""
        return self._device.clock_table

    def read(self) -> DeviceState:
        """Its state, in the time of its clock."""
        return self._device.state()

    def close(self) -> None:
        """Close the device."""
        self._device.close()
