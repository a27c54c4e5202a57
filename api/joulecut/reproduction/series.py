"""What the planners are judged on: one network on one device at many operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """Seconds of one inference and watts meanwhile at an operating point."""

    point: OperatingPoint
    latency_s: float
    power_w: float

    @property
    def energy_j(self) -> float:
        """Joules of one inference."""
        return self.latency_s * self.power_w


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A table of what really happens at every operating point, with where its numbers come from."""

    name: str
    device: str
    workload: str
    source: str
    licence: str
    latency_kind: FigureKind
    energy_kind: FigureKind
    power_scope: str
    points: tuple[SeriesPoint, ...]
    is_network: bool = True
    """False for single kernels: they only take part where the memory clock is looked at."""

    @property
    def memory_clocks_mhz(self) -> tuple[float | None, ...]:
        """The memory clocks, ascending; (None,) where there is no such clock."""
        clocks = {each.point.memory_mhz for each in self.points}
        return tuple(sorted(clocks, key=lambda clock: clock or 0.0))

    def at_memory(self, memory_mhz: float | None) -> tuple[SeriesPoint, ...]:
        """The points of one memory clock by rising core clock."""
        row = [each for each in self.points if each.point.memory_mhz == memory_mhz]
        return tuple(sorted(row, key=lambda each: each.point.core_mhz))

    def at_top_memory(self) -> Series:
        """The same series with the highest memory clock only."""
        return replace(self, points=self.at_memory(self.memory_clocks_mhz[-1]))

    def at(self, point: OperatingPoint) -> SeriesPoint:
        """What happened at a point. Raises LookupError for a point that is not in the table."""
        for each in self.points:
            if each.point.matches(point):
                return each
        raise LookupError(f"{self.name} has nothing at {point}; expected one of its {len(self.points)} points")


def fastest_s(points: Sequence[SeriesPoint]) -> float:
    """The least latency of some points."""
    return min(each.latency_s for each in points)
