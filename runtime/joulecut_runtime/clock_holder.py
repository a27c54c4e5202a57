"""Holds one operating point of a device at a time, and gives the device back to its governor for none."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease

_LOG = logging.getLogger(__name__)


class ClockHolder:
    """A lease that can be moved, dropped and taken again.

    Not thread-safe: called from the device's worker thread only, so that clocks change between two
    requests and never inside one.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stack = ExitStack()
        self._lease: Lease | None = None

    @property
    def held(self) -> OperatingPoint | None:
        """The operating point asked for last; None without a lease."""
        return None if self._lease is None else self._lease.requested

    def hold(self, point: OperatingPoint | None) -> OperatingPoint | None:
        """Hold `point` from now on (None: leave the clocks to the device's governor); returns what was achieved.

        Raises ClockError where the point is not on the clock table, LeaseError where somebody else
        holds the device; what was held before then stays.
        """
        if point is None:
            self._lease = None
            self._stack.close()
            return None
        target = self._device.clock_table.find(point)
        if self._lease is None:
            self._lease = self._stack.enter_context(self._device.lease(target))
            achieved = self._lease.achieved()
        elif self._lease.requested.matches(target):
            achieved = self._lease.achieved()
        else:
            achieved = self._lease.move(target)
        if not achieved.matches(target):
            _LOG.warning("%s: asked for %s, running at %s", self._device.info.name, target, achieved)
        return achieved
