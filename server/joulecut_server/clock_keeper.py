"""One GPU, one clock, many sessions: holds the highest operating point that any of them needs.

The highest is safe: a session planned for a lower clock finishes earlier than planned, never later.
Planning the shared clock jointly is the fleet problem's business.
"""

from __future__ import annotations

from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_runtime.execution.clock_holder import ClockHolder, LeaseCounts


class ClockKeeper:
    """Leases the server's clock on behalf of its sessions; with no wish left the device is restored.

    Not thread-safe: called from the device's worker thread only, between two requests.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._holder = ClockHolder(device)
        self._wishes: dict[str, OperatingPoint] = {}
        self.may_wish: Callable[[str], bool] = lambda _: True
        """Which sessions have a say; those without run at what the others need. Asked in the worker's thread."""

    def wish(self, session_id: str, point: OperatingPoint | None) -> OperatingPoint | None:
        """What one session needs from now on (None: nothing). Returns what the device runs at, None unleased.

        Raises ClockError where the point is not on the device's table, LeaseError where somebody else holds the
        device; earlier wishes then stay.
        """
        wishes = {**self._wishes}
        wishes.pop(session_id, None)
        if point is not None and self.may_wish(session_id):
            wishes[session_id] = self._device.clock_table.find(point)
        highest = max(wishes.values(), key=lambda wish: (wish.memory_mhz or 0.0, wish.core_mhz), default=None)
        achieved = self._holder.hold(highest)
        self._wishes = wishes
        return achieved

    def verify(self) -> None:
        """Take the clock again where it was lost meanwhile."""
        self._holder.verify()

    @property
    def leased(self) -> OperatingPoint | None:
        """The operating point asked for now; None without a lease."""
        return self._holder.held

    @property
    def leases(self) -> LeaseCounts:
        """How its leases have fared."""
        return self._holder.leases

    def close(self) -> None:
        """Forget all wishes and restore the device."""
        self._wishes.clear()
        self._holder.hold(None)
