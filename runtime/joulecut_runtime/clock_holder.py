"""Holds one operating point of a device at a time, and gives the device back to its governor for none.

Clocks once held can be lost: a daemon restarts, another tool or a power mode rewrites the limits, a lease
expires. `verify`, called from time to time, notices, takes them again, and until then leaves the device to its
governor: a request at the wrong clock is answered all the same.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease
from joulecut_core.errors import ClockError, DeviceError, LeaseError

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
        self._wanted: OperatingPoint | None = None
        self._known_off: OperatingPoint | None = None
        self._complaint = ""

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
            self._wanted = None
            self._drop()
            return None
        target = self._device.clock_table.find(point)
        achieved = self._taken(target)
        self._wanted = target
        self._note(target, achieved)
        return achieved

    def hold_if_possible(self, point: OperatingPoint | None) -> None:
        """Hold `point`; where that is refused leave the clocks to the governor, say so, and let `verify` try again."""
        try:
            self.hold(point)
        except (LeaseError, ClockError) as error:
            self._drop()
            self._wanted = point
            self._complain(error)

    def verify(self) -> None:
        """See that the point wanted is still held, and take it again where it is not. What goes wrong is logged.

        A device that reads another clock without saying why is asked once more: a changed power mode takes limits
        away without a word. Where that changes nothing, it is left alone until its reading changes.
        """
        wanted = self._wanted
        if wanted is None:
            return
        try:
            if self._lease is not None and self._stands(wanted):
                return
            achieved = self._taken(wanted, again=True)
            self._note(wanted, achieved)
            self._known_off = None if achieved.matches(wanted) else achieved
        except (LeaseError, ClockError) as error:
            self._drop()
            self._complain(error)
        except DeviceError as error:
            self._complain(error)

    def _taken(self, target: OperatingPoint, *, again: bool = False) -> OperatingPoint:
        """What is achieved with `target` held. A lease that was lost is replaced by a new one."""
        if self._lease is not None:
            try:
                if self._lease.requested.matches(target) and not again:
                    return self._lease.achieved()
                return self._lease.move(target)
            except LeaseError as error:
                _LOG.warning("%s: clocks lost: %s", self._device.info.name, error)
                self._drop()
        self._lease = self._stack.enter_context(self._device.lease(target))
        return self._lease.achieved()

    def _stands(self, wanted: OperatingPoint) -> bool:
        state = self._device.state()
        off = None if state.point.matches(wanted) else state.point
        if off is None:
            self._known_off = None
        return off is None or bool(state.throttle) or (self._known_off is not None and off.matches(self._known_off))

    def _note(self, target: OperatingPoint, achieved: OperatingPoint) -> None:
        if self._complaint:
            self._complaint = ""
            _LOG.info("%s: holding %s again", self._device.info.name, target)
        self._known_off = None
        if not achieved.matches(target):
            _LOG.warning("%s: asked for %s, running at %s", self._device.info.name, target, achieved)

    def _complain(self, error: DeviceError) -> None:
        """Say it once, not at each of many tries."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            _LOG.warning("%s: clocks left to its governor: %s", self._device.info.name, error)

    def _drop(self) -> None:
        self._lease = None
        self._stack.close()
