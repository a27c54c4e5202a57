"""Operating points and the tables of them that a device offers."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.errors import ClockError

_SAME_MHZ = 0.01
"""Clocks closer than this are the same clock: tables list 114.75, drivers report 114.750000."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OperatingPoint:
    """A pair of clocks a device can hold, in MHz; `memory_mhz` is None where it cannot be set."""

    core_mhz: float
    memory_mhz: float | None = None

    def __str__(self) -> str:
        memory = "" if self.memory_mhz is None else f"/{self.memory_mhz:g}"
        return f"{self.core_mhz:g}{memory} MHz"

    def matches(self, other: OperatingPoint) -> bool:
        """Whether both are the same pair of clocks, up to rounding in a driver's report."""
        if abs(self.core_mhz - other.core_mhz) > _SAME_MHZ:
            return False
        if self.memory_mhz is None or other.memory_mhz is None:
            return self.memory_mhz is other.memory_mhz
        return abs(self.memory_mhz - other.memory_mhz) <= _SAME_MHZ


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTable:
    """The operating points of a device under its present power mode, ascending.

    The legal core clocks may depend on the memory clock (NVIDIA T4 and L4 at 405 MHz), hence a
    list of pairs and not two lists.
    """

    points: tuple[OperatingPoint, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ClockError("a clock table is empty; expected at least one operating point")
        object.__setattr__(self, "points", tuple(sorted(self.points, key=_order)))

    @property
    def memory_clocks_mhz(self) -> tuple[float | None, ...]:
        """The distinct memory clocks, ascending; (None,) where memory cannot be set."""
        return tuple(dict.fromkeys(point.memory_mhz for point in self.points))

    def core_clocks_mhz(self, memory_mhz: float | None) -> tuple[float, ...]:
        """The core clocks legal at a memory clock, ascending; empty where it is not on the table."""
        return tuple(point.core_mhz for point in self.points if point.memory_mhz == memory_mhz)

    @property
    def top(self) -> OperatingPoint:
        """The highest core clock at the highest memory clock."""
        return self.points[-1]

    def find(self, point: OperatingPoint) -> OperatingPoint:
        """The table's own entry for `point`; raises ClockError with the nearest where it has none."""
        for candidate in self.points:
            if candidate.matches(point):
                return candidate
        nearest = min(self.points, key=lambda candidate: _distance(candidate, point))
        raise ClockError(
            f"{point} is not on the clock table of {len(self.points)} points; "
            f"the nearest is {nearest}, the highest {self.top}"
        )


def _order(point: OperatingPoint) -> tuple[float, float]:
    return (point.memory_mhz or 0.0, point.core_mhz)


def _distance(a: OperatingPoint, b: OperatingPoint) -> tuple[float, float]:
    return (abs((a.memory_mhz or 0.0) - (b.memory_mhz or 0.0)), abs(a.core_mhz - b.core_mhz))
