"""Who decides a device's clocks, seen as values: a policy tells how time passes under it and what it becomes.

Two exist: a board's stock governor (`governor.Governed`) and a lease (`holding.Held`). Being values, a plan made
from them can be thrown away when a clock changes in the middle of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.workloads import Operation
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.devices.timeline import Stretch

Block = tuple[Operation, ...]

NO_CEILING_MHZ = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What every policy needs to know of the device."""

    laws: Laws
    table: ClockTable

    def capped(self, point: OperatingPoint, ceiling_mhz: float) -> OperatingPoint:
        """`point`, or the highest core clock at its memory clock under the ceiling, or the lowest there is."""
        if point.core_mhz <= ceiling_mhz:
            return point
        clocks = self.table.core_clocks_mhz(point.memory_mhz)
        below = [core_mhz for core_mhz in clocks if core_mhz <= ceiling_mhz]
        return OperatingPoint(core_mhz=below[-1] if below else clocks[0], memory_mhz=point.memory_mhz)

    def waiting(self, point: OperatingPoint, until_s: float, ceiling_mhz: float) -> Stretch:
        """Idling at `point`, or as near to it as the ceiling lets, until an instant."""
        capped = self.capped(point, ceiling_mhz)
        return Stretch(end_s=until_s, power_w=self.laws.idle_w(capped), point=capped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How one execution differs from the laws: noise factors, and the core clock that it must not exceed."""

    time_factor: float = 1.0
    power_factor: float = 1.0
    ceiling_mhz: float = NO_CEILING_MHZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Stretches that follow one another, and the policy as they leave it."""

    stretches: tuple[Stretch, ...]
    policy: ClockPolicy


class ClockPolicy(Protocol):
    """Decides the clocks from one instant on. Immutable: what happens next is in the passages it returns."""

    def wanted(self, time_s: float) -> OperatingPoint:
        """The point it asks for at an instant, whatever the device is capable of."""
        ...

    def highest(self, time_s: float) -> OperatingPoint:
        """The highest point it may ask for while work that starts at an instant runs."""
        ...

    def idle(self, start_s: float, end_s: float, ceiling_mhz: float) -> Passage:
        """How the device waits from `start_s` to `end_s`."""
        ...

    def run(self, block: Block, start_s: float, pace: Pace) -> Passage:
        """How a block of work that starts at `start_s` runs."""
        ...
