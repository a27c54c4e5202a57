"""What batches cost by a service table, for every batch size up to the largest, ready to be looked up.

A batch of n runs its units one after the other; between two listed sizes, time and energy lie on the line
between theirs. Joules of a batch are those of its busy units; what the device draws while nothing runs is
its idle draw, and belongs to no batch. Lookups are plain lists: policies decide within microseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.choices.grids import Array, Indices


@dataclass(frozen=True, slots=True)
class Running:
    """A way to run a batch at one clock: seconds, joules and the operating point."""

    time_s: float
    energy_j: float
    point: int


class ServiceCosts:
    """Times and energies of one table; indices are the table's, batches are numbers of requests from 1."""

    def __init__(self, table: ServiceTable) -> None:
        self.table = table
        self.largest = table.batches[-1]
        self.top = len(table.points) - 1
        """The highest operating point."""
        sizes: Indices = np.arange(1, self.largest + 1, dtype=np.int64)
        self.unit_time_s: tuple[Array, ...] = tuple(
            _between(np.array(variant.time_s), table.batches, sizes) for variant in table.variants
        )
        """For each variant, of shape (batches, units, points): index 0 is a batch of one."""
        self.unit_energy_j: tuple[Array, ...] = tuple(
            _between(np.array(variant.time_s) * np.array(variant.busy_w), table.batches, sizes)
            for variant in table.variants
        )
        self.unit_s: list[list[list[list[float]]]] = [each.tolist() for each in self.unit_time_s]
        """The same as lists: `unit_s[variant][batch - 1][unit][point]`, which single lookups are quicker in."""
        self.unit_j: list[list[list[list[float]]]] = [each.tolist() for each in self.unit_energy_j]
        self._time_s = [_from_each_unit(each).tolist() for each in self.unit_time_s]
        self._energy_j = [_from_each_unit(each).tolist() for each in self.unit_energy_j]
        self._fronts = [
            [_front(self._time_s[v][n - 1][0], self._energy_j[v][n - 1][0]) for n in sizes.tolist()]
            for v in range(len(table.variants))
        ]
        self._front_times = [[[way.time_s for way in front] for front in fronts] for fronts in self._fronts]

    def time_s(self, variant: int, batch: int, point: int, entry: int = 0) -> float:
        """Seconds of a batch from unit `entry` to the end, at one clock."""
        seconds: float = self._time_s[variant][batch - 1][entry][point]
        return seconds

    def energy_j(self, variant: int, batch: int, point: int, entry: int = 0) -> float:
        """Joules of a batch from unit `entry` to the end, at one clock."""
        joules: float = self._energy_j[variant][batch - 1][entry][point]
        return joules

    def batch_s(self) -> list[float]:
        """Seconds of batches of 1, 2, ... in full precision at the highest clock."""
        return [batch[0][self.top] for batch in self._time_s[0]]

    def fastest(self, variant: int, batch: int) -> Running:
        """The quickest way to run a batch at one clock."""
        return self._fronts[variant][batch - 1][0]

    def cheapest(self, variant: int, batch: int, within_s: float) -> Running | None:
        """The way of least joules at one clock that takes at most `within_s` seconds; None where none does."""
        count = bisect_right(self._front_times[variant][batch - 1], within_s)
        return self._fronts[variant][batch - 1][count - 1] if count else None

    def front(self, variant: int, batch: int) -> list[Running]:
        """The ways to run a batch at one clock that no other beats in both time and energy, by rising time."""
        return self._fronts[variant][batch - 1]

    def switching_s(self, before: int, points: tuple[int, ...]) -> float:
        """Seconds lost to changes of the clock: from the one held before, and between units."""
        return self.table.switch_s * changes(before, points)


def changes(before: int, points: tuple[int, ...]) -> int:
    """How often the clock changes: from the one held before to the first unit's, and from unit to unit."""
    return sum(one != other for one, other in zip((before, *points[:-1]), points, strict=True))


def _between(listed: Array, batches: tuple[int, ...], sizes: Indices) -> Array:
    """Values for all batch sizes, of shape (sizes, units, points), from those listed."""
    upper = np.searchsorted(batches, sizes)
    lower = np.maximum(upper - 1, 0)
    known = np.array(batches, dtype=np.float64)
    gap = np.maximum(known[upper] - known[lower], 1.0)
    share = ((sizes - known[lower]) / gap)[:, None, None]
    between: Array = listed[lower] + share * (listed[upper] - listed[lower])
    return between


def _from_each_unit(values: Array) -> Array:
    """Sums from each unit to the last, of shape (sizes, units, points)."""
    sums: Array = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
    return sums


def _front(times_s: list[float], energies_j: list[float]) -> list[Running]:
    front: list[Running] = []
    for time_s, energy_j, point in sorted(zip(times_s, energies_j, range(len(times_s)), strict=True)):
        if not front or energy_j < front[-1].energy_j:
            front.append(Running(time_s, energy_j, point))
    return front
