"""The clock of a device whose requests are scheduled: the serving policy's, and nobody else's."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.timing import Clock
from joulecut_server.clock_keeper import ClockKeeper


class PolicyClocks(ClockKeeper):
    """Holds what the policy asks for. Sessions' wishes are no floor: deadlines are the policy's own business.

    Not thread-safe: called from the device's worker thread only.
    """

    def __init__(self, device: Device, clock: Clock) -> None:
        super().__init__(device, clock)
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

    def close(self) -> None:
        """Restore the device."""
        self.wanted = None
        super().close()
