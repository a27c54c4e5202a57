"""Clocks of a real device, held for one holder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.devices.hardware.authority import ClockAuthority, ClockGrant
from joulecut_runtime.devices.hardware.probe import Probe

_LOG = logging.getLogger(__name__)


class HardwareLease:
    """A core Lease over a ClockGrant. Ends with its context or when the device is closed.

    A device whose clocks nobody can set is leased without a grant: its table holds the one point it runs at.
    """

    def __init__(
        self,
        probe: Probe,
        point: OperatingPoint,
        *,
        settle: Callable[[OperatingPoint], OperatingPoint],
        read_back: Callable[[], OperatingPoint],
    ) -> None:
        """`settle` waits until a point is in force and returns what was achieved; `read_back` only tells."""
        self._probe = probe
        self._settle = settle
        self._read_back = read_back
        self._requested = point
        self._lock = threading.Lock()
        self._grant: ClockGrant | None = None
        self._ended = False
        self._failure: DeviceError | None = None

    @property
    def requested(self) -> OperatingPoint:
        """The operating point last asked for."""
        return self._requested

    @property
    def failure(self) -> DeviceError | None:
        """Why what was there before is not restored though the lease has ended; None where it is."""
        return self._failure

    def begin(self, authority: ClockAuthority, *, holder: str) -> None:
        """Get the clocks and wait until they are in force.

        Raises LeaseError, ClockError or DeviceError where they are refused; `end` then has nothing left to restore
        or restores it.
        """
        if self._probe.capabilities.core_settable:
            grant = authority.grant(self._probe.board, self._requested, holder=holder)
            with self._lock:
                ended = self._ended
                if not ended:
                    self._grant = grant
            if ended:
                self._release(grant)
                raise DeviceError(f"{self._probe.info.name} was closed while its clocks were asked for; open it again")
            self._settle(self._requested)

    def achieved(self) -> OperatingPoint:
        """The clocks that the device runs at, under load where something can load it: lower where it throttles.

        Raises ClockError once the lease has ended, DeviceError where the device has vanished.
        """
        self._held()
        return self._read_back()

    def move(self, point: OperatingPoint) -> OperatingPoint:
        """Hold another point, or the same one again; returns what was achieved once it has settled.

        Raises ClockError where the point is not on the table or the lease has ended, LeaseError where the clocks
        were taken away (they are restored already), DeviceError where the device has vanished.
        """
        grant = self._held()
        found = self._probe.clock_table.find(point)
        if grant is None:
            return self.achieved()
        grant.move(found)
        self._requested = found
        return self._settle(found)

    def end(self) -> None:
        """Restore what was there before and accept no more moves. Safe to call twice."""
        with self._lock:
            self._ended = True
            grant, self._grant = self._grant, None
        if grant is not None:
            self._release(grant)

    def _held(self) -> ClockGrant | None:
        with self._lock:
            if self._ended:
                raise ClockError(f"the lease at {self._requested} has ended; take a new one")
            return self._grant

    def _release(self, grant: ClockGrant) -> None:
        # Whoever leaves a lease cannot help it, and an error of its own must get through: the authority keeps what it
        # has to restore and refuses the board until it has.
        try:
            grant.release()
        except DeviceError as error:
            self._failure = error
            _LOG.error("the clocks of %s are not restored yet: %s", self._probe.info.name, error)
