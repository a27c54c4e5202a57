"""One GPU, one clock, many sessions: holds the highest operating point that any of them needs.

The highest is safe: a session planned for a lower clock finishes earlier than planned, never later.
Planning the shared clock jointly is the fleet problem's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.timing import Clock
from joulecut_runtime.execution.clock_holder import ClockHolder, LeaseCounts
from joulecut_server.access.rates import Rates

_MOVES_HZ = 4.0
"""Of one owner's sessions, and as many at once. An edge that follows its link moves at most three times in three
seconds; each move takes the device from everybody for as long as its clock needs, some 10 ms.
"""


class ClockKeeper:
    """Implements `DeviceClocks` for its sessions; with no wish left the device is restored.

    An owner whose wishes would move the clock too often finds them noted: the newest counts with the next move that is
    somebody's due, and at the next `verify` at the latest.

    Not thread-safe: called from the device's worker thread only, between two requests.
    """

    def __init__(
        self, device: Device, clock: Clock, *, may_wish: Callable[[str], bool], share_of: Callable[[str], str]
    ) -> None:
        """`may_wish`: which sessions have a say; those without run at what the others need.

        `share_of`: whose sessions' moves are counted together. Both are asked in the worker's thread.
        """
        self._device = device
        self._rates = Rates(clock)
        self._is_due = False
        self._holder = ClockHolder(device)
        self._wishes: dict[str, OperatingPoint] = {}
        self._may_wish = may_wish
        self._share_of = share_of

    def wish(self, session_id: str, point: OperatingPoint | None) -> OperatingPoint | None:
        """What one session needs from now on (None: nothing). Returns what the device runs at, None unleased.

        That is what it ran at before where the session's owner has moved the clock too often.

        Raises ClockError where the point is not on the device's table, LeaseError where somebody else holds the
        device; earlier wishes then stay, but for one that is given up.
        """
        wishes = {**self._wishes}
        wishes.pop(session_id, None)
        if point is not None and self._may_wish(session_id):
            wishes[session_id] = self._device.clock_table.find(point)
        else:
            # Before the device can refuse: a session that has ended does not come to give it up once more.
            self._wishes, self._is_due = wishes, True
        highest, held = _highest(wishes), self._holder.held
        is_move = highest != held and not (highest and held and highest.matches(held))
        if is_move and self._rates.wait_s(self._share_of(session_id), _MOVES_HZ):
            achieved, self._is_due = self._holder.hold(held), True
        else:
            achieved, self._is_due = self._holder.hold(highest), False
        self._wishes = wishes
        return achieved

    def verify(self) -> None:
        """Carry out what was only noted, and take the clock again where it was lost meanwhile."""
        if self._is_due:
            self._is_due = False
            self._holder.hold_if_possible(_highest(self._wishes))
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
        """Forget all wishes and restore the device. Raises DeviceError where it could not be restored."""
        self._wishes.clear()
        self._is_due = False
        self._holder.give_back()


def _highest(wishes: Mapping[str, OperatingPoint]) -> OperatingPoint | None:
    return max(wishes.values(), key=lambda wish: (wish.memory_mhz or 0.0, wish.core_mhz), default=None)
