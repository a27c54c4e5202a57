"""The clock of a device whose requests are scheduled: the serving policy's, and nobody else's."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_runtime.execution.clock_holder import ClockHolder, LeaseCounts


class PolicyClocks:
    """Implements `DeviceClocks`: holds what the policy asks for.

    Sessions' wishes are no floor: deadlines are the policy's own business.

    Not thread-safe: called from the device's worker thread only.
    """

    def __init__(self, device: Device) -> None:
        self._holder = ClockHolder(device)
        self.wanted: OperatingPoint | None = None
        """What the policy asked for last, achieved or not."""

    def wish(self, session_id: str, point: OperatingPoint | None) -> OperatingPoint | None:
        """What the device is held at; the wish changes nothing."""
        del session_id, point
        return self.leased

    def hold(self, point: OperatingPoint) -> None:
        """Hold a point from now on; where that is refused the device's governor decides, and requests still run."""
        if point == self.wanted:
            return
        self.wanted = point
        self._holder.hold_if_possible(point)

    def verify(self) -> None:
        """See `DeviceClocks.verify`."""
        self._holder.verify()

    @property
    def leased(self) -> OperatingPoint | None:
        """See `DeviceClocks.leased`."""
        return self._holder.held

    @property
    def leases(self) -> LeaseCounts:
        """See `DeviceClocks.leases`."""
        return self._holder.leases

    def close(self) -> None:
        """See `DeviceClocks.close`."""
        self.wanted = None
        self._holder.give_back()
