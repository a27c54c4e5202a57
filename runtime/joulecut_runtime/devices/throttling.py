"""What keeps an emulated device below the clock it was asked for: heat, its power limit, or a test."""

from __future__ import annotations

from bisect import bisect_right

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.clock_policy import NO_CEILING_MHZ, Board
from joulecut_runtime.devices.device_file import DeviceFile


class Throttling:
    """Ceilings on the core clock and their reasons. Not thread-safe: its device locks.

    The ceiling of the power limit is found anew by `admit` at the start of each execution and holds until the next.
    """

    def __init__(self, file: DeviceFile, board: Board) -> None:
        self._thermal = file.thermal
        self._limit = file.limit
        self._board = board
        self._power_cap_mhz = NO_CEILING_MHZ
        self.temperature_c = file.thermal.temperature_c
        self.forced_mhz: float | None = None

    @property
    def ceiling_mhz(self) -> float:
        """The core clock not to exceed now."""
        return min(self._ceilings().values(), default=NO_CEILING_MHZ)

    def reasons(self, wanted: OperatingPoint) -> frozenset[ThrottleReason]:
        """Why the device runs below `wanted`; empty where it does not."""
        return frozenset(reason for reason, mhz in self._ceilings().items() if mhz < wanted.core_mhz)

    def release_power_cap(self) -> None:
        """Forget the ceiling that the last execution met: the clocks have been chosen anew."""
        self._power_cap_mhz = NO_CEILING_MHZ

    def admit(self, workload: Workload, wanted: OperatingPoint) -> None:
        """Find the highest core clock, at most the wanted one, at which a workload's mean draw keeps the limit."""
        self.release_power_cap()
        if self._limit is None or self._board.laws.power_w(workload, wanted) <= self._limit.power_w:
            return
        clocks = [mhz for mhz in self._board.table.core_clocks_mhz(wanted.memory_mhz) if mhz <= wanted.core_mhz]
        fits = bisect_right(clocks, self._limit.power_w, key=lambda mhz: self._draw_w(workload, wanted, mhz))
        self._power_cap_mhz = clocks[max(0, fits - 1)]

    def _draw_w(self, workload: Workload, wanted: OperatingPoint, core_mhz: float) -> float:
        point = OperatingPoint(core_mhz=core_mhz, memory_mhz=wanted.memory_mhz)
        return self._board.laws.power_w(workload, point)

    def _ceilings(self) -> dict[ThrottleReason, float]:
        ceilings: dict[ThrottleReason, float] = {}
        if self._power_cap_mhz < NO_CEILING_MHZ:
            ceilings[ThrottleReason.POWER_CAP] = self._power_cap_mhz
        if self.temperature_c >= self._thermal.throttle_c:
            ceilings[ThrottleReason.THERMAL] = self._thermal.throttle_mhz
        if self.forced_mhz is not None:
            ceilings[ThrottleReason.HARDWARE] = self.forced_mhz
        return ceilings
