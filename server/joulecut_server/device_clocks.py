"""Who holds the clock of a server's device, whoever decides it."""

from __future__ import annotations

from typing import Protocol

from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.execution.clock_holder import LeaseCounts


class DeviceClocks(Protocol):
    """Not thread-safe: called from the device's worker thread only, between two requests."""

    def wish(self, session_id: str, point: OperatingPoint | None) -> OperatingPoint | None:
        """What one session needs from now on (None: nothing). Returns what the device runs at, None unleased.

        Raises ClockError where the point is not on the device's table, LeaseError where somebody else holds the device.
        """
        ...

    def verify(self) -> None:
        """Take the clock again where it was lost meanwhile."""
        ...

    @property
    def leased(self) -> OperatingPoint | None:
        """The operating point asked for now; None without a lease."""
        ...

    @property
    def leases(self) -> LeaseCounts:
        """How its leases have fared."""
        ...

    def close(self) -> None:
        """Restore the device. Raises DeviceError where it could not be restored."""
        ...
