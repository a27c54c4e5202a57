"""What serving one network costs a device: seconds and watts per variant, batch size, unit and operating point.

A *unit* is a stretch of the network that runs at one clock (EALI's optimisation unit). Requests may enter
at any unit: an edge that has computed the units before it sends what crosses there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind

UnitTable: TypeAlias = tuple[tuple[tuple[float, ...], ...], ...]
"""`table[b][u][p]`: for the b-th batch size, the u-th unit and the p-th operating point."""

LARGEST_BATCH = 4096
"""Whoever decides by a table prices every batch size up to its largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVariant:
    """One precision of a network.

    `accuracy` is the share of right answers on labelled data, or of answers equal to full precision's
    (`accuracy_of` says which, and of what). `time_s` and `busy_w` are of a whole batch.
    """

    name: str
    accuracy: float
    accuracy_of: str
    time_s: UnitTable
    busy_w: UnitTable
    figures: FigureKind
    """How the times and watts were obtained; ESTIMATED for an assumed speed-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTable:
    """One network on one device. Raises ValueError where shapes or values do not fit.

    `batches` ascend from 1 to `LARGEST_BATCH` at most; a batch between two of them takes the time and energy between
    theirs. `points` ascend by memory clock, then by core clock. The first variant is the reference, full precision.
    """

    network: str
    device: str
    power_scope: str
    units: tuple[str, ...]
    points: tuple[OperatingPoint, ...]
    batches: tuple[int, ...]
    idle_w: tuple[float, ...]
    """Per operating point: the draw of the waiting device, context loaded, clock held."""
    variants: tuple[ServiceVariant, ...]
    switch_s: float = 0.0
    """Seconds for which nothing runs after a change of the clock."""
    switch_j: float = 0.0
    """Joules of a change beyond those of waiting as long."""
    notes: tuple[str, ...] = ()
    """Where figures come from that carry no label of their own, and what was left out: a sentence each."""

    def __post_init__(self) -> None:
        if not (self.units and self.points and self.variants):
            raise ValueError("a service table needs at least one unit, one operating point and one variant")
        if self.batches[:1] != (1,) or any(small >= large for small, large in pairwise(self.batches)):
            raise ValueError(f"batches: {self.batches}; expected batch sizes ascending from 1")
        if self.batches[-1] > LARGEST_BATCH:
            raise ValueError(f"batches: {self.batches[-1]} is the largest; expected at most {LARGEST_BATCH}")
        for before, point in pairwise(self.points):
            if rank(point) <= rank(before):
                raise ValueError(f"points: {point} behind {before}; expected operating points ascending, each once")
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"variants: {names}; expected a name of its own for each")
        if len(self.idle_w) != len(self.points) or not all(0.0 <= watts < float("inf") for watts in self.idle_w):
            raise ValueError(f"idle_w: {self.idle_w}; expected watts for each of {len(self.points)} operating points")
        if not (0.0 <= self.switch_s < float("inf") and 0.0 <= self.switch_j < float("inf")):
            raise ValueError(f"switch_s, switch_j: {self.switch_s}, {self.switch_j}; expected at least 0")
        for variant in self.variants:
            self._check(variant)

    def _check(self, variant: ServiceVariant) -> None:
        if not 0.0 <= variant.accuracy <= 1.0:
            raise ValueError(f"variant {variant.name!r}: accuracy {variant.accuracy}; expected 0 to 1")
        for name, table in (("time_s", variant.time_s), ("busy_w", variant.busy_w)):
            shape = [(len(units), {len(points) for points in units}) for units in table]
            if shape != [(len(self.units), {len(self.points)})] * len(self.batches):
                raise ValueError(
                    f"variant {variant.name!r}: {name} does not have {len(self.batches)} batch sizes x "
                    f"{len(self.units)} units x {len(self.points)} operating points"
                )
            if not all(0.0 < value < float("inf") for units in table for points in units for value in points):
                raise ValueError(f"variant {variant.name!r}: {name} has a value that is not positive and finite")


def rank(point: OperatingPoint) -> tuple[float, float]:
    """What the operating points of a table ascend by: the memory clock, then the core clock."""
    return point.memory_mhz or 0.0, point.core_mhz
