"""Holds one operating point of a device at a time, and gives the device back to its governor for none.

Clocks once held can be lost: a daemon restarts, another tool or a power mode rewrites the limits, a lease
expires. `verify`, called from time to time, notices, takes them again, and until then leaves the device to its
governor: a request at the wrong clock is answered all the same. A device that slows itself down keeps its lease, and
the log says so.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, DeviceState, Lease, ThrottleReason
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_runtime.devices.hardware.lease import HardwareLease

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseCounts:
    """A device's leases since the start, and whether one is wanted and held now."""

    taken: int = 0
    lost: int = 0
    refused: int = 0
    wanted: bool = False
    held: bool = False


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
        self._slowed: tuple[OperatingPoint, frozenset[ThrottleReason]] | None = None
        self._missed: set[OperatingPoint] = set()
        self._counts = LeaseCounts()

    @property
    def held(self) -> OperatingPoint | None:
        """The operating point asked for last; None without a lease."""
        return None if self._lease is None else self._lease.requested

    @property
    def leases(self) -> LeaseCounts:
        """How its leases have fared. May be asked from any thread."""
        return replace(self._counts, wanted=self._wanted is not None, held=self._lease is not None)

    def hold(self, point: OperatingPoint | None) -> OperatingPoint | None:
        """Hold `point` from now on (None: leave the clocks to the device's governor); returns what was achieved.

        Raises ClockError where the point is not on the clock table, LeaseError where somebody else
        holds the device; what was held before then stays.
        """
        if point is None:
            self._wanted = self._slowed = None
            self._complaint = ""
            self._drop()
            return None
        target = self._device.clock_table.find(point)
        achieved = self._taken(target)
        self._wanted = target
        self._note(target, achieved)
        return achieved

    def hold_if_possible(self, point: OperatingPoint | None) -> None:
        """Hold `point`; where that fails leave the clocks to the governor, say so, and let `verify` try again."""
        try:
            self.hold(point)
        except DeviceError as error:
            self._wanted = point
            self._go_without(error)

    def give_back(self) -> None:
        """Leave the clocks to the governor for good. Raises DeviceError where they could not be given back."""
        lease = self._lease
        self.hold(None)
        if isinstance(lease, HardwareLease) and lease.failure is not None:
            raise DeviceError(
                f"the clocks of {self._device.info.name} are not restored: {lease.failure}; see to them by hand"
            ) from lease.failure

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
                self._forgive(wanted)
                return
            achieved = self._taken(wanted, again=True)
            self._note(wanted, achieved)
            self._known_off = None if achieved.matches(wanted) else achieved
        except DeviceError as error:
            self._go_without(error)

    def _taken(self, target: OperatingPoint, *, again: bool = False) -> OperatingPoint:
        """What is achieved with `target` held. A lease that was lost is replaced by a new one."""
        if self._lease is not None:
            try:
                if self._lease.requested.matches(target) and not again:
                    return self._lease.achieved()
                return self._lease.move(target)
            except LeaseError as error:
                _LOG.warning("%s: clocks lost: %s", self._device.info.name, error)
                self._counts = replace(self._counts, lost=self._counts.lost + 1)
                self._drop()
        try:
            self._lease = self._stack.enter_context(self._device.lease(target))
        except DeviceError:
            self._counts = replace(self._counts, refused=self._counts.refused + 1)
            raise
        self._counts = replace(self._counts, taken=self._counts.taken + 1)
        return self._lease.achieved()

    def _stands(self, wanted: OperatingPoint) -> bool:
        state = self._device.state()
        self._tell_slowing(wanted, state)
        off = None if state.point.matches(wanted) else state.point
        if off is None:
            self._known_off = None
        return off is None or bool(state.throttle) or (self._known_off is not None and off.matches(self._known_off))

    def _tell_slowing(self, wanted: OperatingPoint, state: DeviceState) -> None:
        """Say once that the device slows itself down, and why; again where the reasons or the point change."""
        slowed = (wanted, state.throttle) if state.throttle and not state.point.matches(wanted) else None
        before, self._slowed = self._slowed, slowed
        if slowed is not None and slowed != before:
            reasons = ", ".join(sorted(reason.value for reason in state.throttle))
            text = "%s: slowed down by %s: asked for %s, runs at %s"
            _LOG.warning(text, self._device.info.name, reasons, wanted, state.point)
        elif slowed is None and before is not None:
            text = "%s: no longer slowed down: asked for %s, runs at %s"
            _LOG.info(text, self._device.info.name, wanted, state.point)

    def _note(self, target: OperatingPoint, achieved: OperatingPoint) -> None:
        self._forgive(target)
        self._known_off = None
        if achieved.matches(target):
            self._missed.discard(target)
        elif target not in self._missed:
            # Once until it is reached: a serving policy moves many times a second, and a hot device stays hot.
            self._missed.add(target)
            _LOG.warning("%s: asked for %s, running at %s", self._device.info.name, target, achieved)

    def _forgive(self, target: OperatingPoint) -> None:
        """Say that what was complained of is over."""
        if self._complaint:
            self._complaint = ""
            _LOG.info("%s: holding %s again", self._device.info.name, target)

    def _go_without(self, error: DeviceError) -> None:
        """Leave the clocks alone for now. Says so once, not at each of many tries."""
        if isinstance(error, (LeaseError, ClockError)):
            self._drop()
        state = "clocks left to its governor" if self._lease is None else "cannot see whether its clocks are held"
        complaint = f"{state}: {error}"
        if complaint != self._complaint:
            self._complaint = complaint
            _LOG.warning("%s: %s", self._device.info.name, complaint)

    def _drop(self) -> None:
        self._lease = None
        self._stack.close()
