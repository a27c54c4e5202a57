"""The cheapest clock for each unit of a batch in the time there is, counting every change of the clock.

A dynamic programme over (unit, clock, time), from the last unit to the first. Time is continuous, so its
states are labels: seconds and cost from a unit to the end, by the clock of that unit. A label that another
one beats in both is dropped; one of another clock beats it only if it does so with the change to that clock
added. What is left is the exact front of all points^units assignments, and a decision is a lookup in it.

Where a front would hold more than `MOST_LABELS` labels, those of nearly equal cost are represented by the
quickest of them: every answer is still a real assignment that keeps its time, and costs at most `gap_j` too
much. Cost is as in `one_clock`: joules above those of resting meanwhile.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.one_clock import Way, changing_j

MOST_LABELS = 512
_MOST_REMEMBERED = 256
"""Fronts for a clock held take half a millisecond each, and up to 50 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Seconds, costs and clocks, of shape (labels, units to the end), of ways to run what is left."""

    time_s: Array
    cost_j: Array
    points: Indices

    def __len__(self) -> int:
        return len(self.time_s)


class UnitClocks:
    """Ways to run batches of one variant at a clock for each unit; indices are the table's."""

    def __init__(
        self, costs: ServiceCosts, variant: int = 0, *, resting_w: float = 0.0, most_labels: int = MOST_LABELS
    ) -> None:
        """Raises ValueError for a `resting_w` above the least idle draw."""
        self._time_s = costs.unit_time_s[variant]
        self._cost_j: Array = costs.unit_energy_j[variant] - resting_w * self._time_s
        self._switch_s = costs.table.switch_s
        self._switch_j: Array = np.array(changing_j(costs.table, resting_w))
        self._most_labels = most_labels
        self._changing: list[list[_Labels]] = []
        """By batch and unit: what is left, after a change to the clock of the first of it. Both counted."""
        self._gaps_j: list[list[float]] = []
        for row in range(costs.largest):
            fronts, gaps_j = self._solved(row)
            self._changing.append(fronts)
            self._gaps_j.append(gaps_j)
        self._ahead = [
            [(labels.time_s.tolist(), labels.cost_j.tolist()) for labels in fronts] for fronts in self._changing
        ]
        self._ways: dict[tuple[int, int, int], tuple[list[float], _Labels]] = {}

    def cheapest(self, batch: int, within_s: float, held: int, entry: int = 0) -> Way | None:
        """The way of least cost that takes at most `within_s`; None where none does."""
        times_s, labels = self._front(batch, held, entry)
        count = bisect_right(times_s, within_s)
        return _way(labels, count - 1) if count else None

    def fastest(self, batch: int, held: int, entry: int = 0) -> Way:
        """The quickest way."""
        return _way(self._front(batch, held, entry)[1], 0)

    def after_change(self, batch: int, within_s: float, entry: int = 0) -> tuple[float, float] | None:
        """Seconds and cost of the cheapest way that changes the clock first; None where none is quick enough.

        For looking ahead: it does not depend on the clock held by then, and nothing is left to be computed.
        """
        times_s, costs_j = self._ahead[batch - 1][entry]
        count = bisect_right(times_s, within_s)
        return (times_s[count - 1], costs_j[count - 1]) if count else None

    def gap_j(self, batch: int, entry: int = 0) -> float:
        """How much more than the least an answer may cost; 0 where the front is exact."""
        return self._gaps_j[batch - 1][entry]

    def _front(self, batch: int, held: int, entry: int) -> tuple[list[float], _Labels]:
        known = self._ways.get((batch, held, entry))
        if known is None:
            labels = _front(_joined(self._staying(batch - 1, held, entry), self._changing[batch - 1][entry]))
            known = labels.time_s.tolist(), labels
            if len(self._ways) >= _MOST_REMEMBERED:
                self._ways.clear()
            self._ways[batch, held, entry] = known
        return known

    def _staying(self, row: int, held: int, entry: int) -> _Labels:
        """Ways whose first unit runs at the clock held already."""
        time_s, cost_j = self._time_s[row, :, held], self._cost_j[row, :, held]
        last = len(time_s) - 1
        labels = _Labels(time_s[last:], cost_j[last:], np.array([[held]], dtype=np.int64))
        for unit in range(last - 1, entry - 1, -1):
            after = _front(_joined(labels, self._changing[row][unit + 1]))
            points = np.column_stack((np.full(len(after), held, dtype=np.int64), after.points))
            labels = _Labels(after.time_s + time_s[unit], after.cost_j + cost_j[unit], points)
        return labels

    def _solved(self, row: int) -> tuple[list[_Labels], list[float]]:
        """For each unit of a batch of `row` + 1, the front from there on after a change, and its gap."""
        unit_s, unit_j = self._time_s[row], self._cost_j[row]
        units, clocks = unit_s.shape
        every = np.arange(clocks)
        clock, time_s, cost_j = every, unit_s[-1], unit_j[-1]
        behind = _Labels(np.zeros(1), np.zeros(1), np.zeros((1, 0), dtype=np.int64))
        after = np.zeros(clocks, dtype=np.int64)
        """Of each way: its clock, seconds and cost from this unit on, and which of `behind` it goes on with."""
        fronts: list[_Labels] = []
        gaps_j = [0.0]
        for unit in range(units - 1, -1, -1):
            if fronts:
                # Behind this unit the clock stays, or it changes: to what, is the same choice for all clocks.
                changing = fronts[-1]
                worth = _worth_having(clock, time_s, cost_j, changing)
                staying = _written_out(clock[worth], time_s[worth], cost_j[worth], behind.points[after[worth]])
                behind = _joined(staying, changing)
                clock = np.concatenate((clock[worth], np.repeat(every, len(changing))))
                after = np.concatenate((np.arange(len(staying)), np.tile(np.arange(len(staying), len(behind)), clocks)))
                time_s = behind.time_s[after] + unit_s[unit, clock]
                cost_j = behind.cost_j[after] + unit_j[unit, clock]
            changed_s, changed_j = time_s + self._switch_s, cost_j + self._switch_j[clock]
            best, step_j = self._thinned(_undominated(changed_s, changed_j), changed_j)
            fronts.append(_written_out(clock[best], changed_s[best], changed_j[best], behind.points[after[best]]))
            gaps_j.append(gaps_j[-1] + step_j)
        return fronts[::-1], gaps_j[:0:-1]

    def _thinned(self, front: Indices, cost_j: Array) -> tuple[Indices, float]:
        """At most so many of a front, and by how much their costs may be above those that were dropped."""
        if len(front) <= self._most_labels:
            return front, 0.0
        costs_j = cost_j[front]
        step_j = float(costs_j[0] - costs_j[-1]) / (self._most_labels - 1)
        bucket = np.floor((costs_j - costs_j[-1]) / step_j)
        return front[np.concatenate(([True], bucket[1:] != bucket[:-1]))], step_j


def _worth_having(clock: Indices, time_s: Array, cost_j: Array, changing: _Labels) -> Indices:
    """Those that are not beaten by a change to another clock, nor by one of the same clock."""
    before = np.searchsorted(changing.time_s, time_s, side="right") - 1
    worth = np.flatnonzero((before < 0) | (cost_j < changing.cost_j[before]))
    worth = worth[np.lexsort((cost_j[worth], time_s[worth], clock[worth]))]
    if not len(worth):
        return worth
    # Moved apart, costs of a higher clock all lie below those of a lower one: the running least starts anew.
    costs_j = cost_j[worth]
    apart = costs_j - clock[worth] * (2.0 * float(np.ptp(costs_j)) + 1.0)
    return worth[np.concatenate(([True], apart[1:] < np.minimum.accumulate(apart)[:-1]))]


def _undominated(time_s: Array, cost_j: Array) -> Indices:
    """Those that no other one beats, by rising time and falling cost."""
    order = np.lexsort((cost_j, time_s))
    costs_j = cost_j[order]
    front: Indices = order[np.concatenate(([True], costs_j[1:] < np.minimum.accumulate(costs_j)[:-1]))]
    return front


def _front(labels: _Labels) -> _Labels:
    best = _undominated(labels.time_s, labels.cost_j)
    return _Labels(labels.time_s[best], labels.cost_j[best], labels.points[best])


def _written_out(clock: Indices, time_s: Array, cost_j: Array, after: Indices) -> _Labels:
    return _Labels(time_s, cost_j, np.column_stack((clock, after)))


def _joined(one: _Labels, other: _Labels) -> _Labels:
    return _Labels(
        np.concatenate((one.time_s, other.time_s)),
        np.concatenate((one.cost_j, other.cost_j)),
        np.concatenate((one.points, other.points)),
    )


def _way(labels: _Labels, index: int) -> Way:
    return Way(float(labels.time_s[index]), float(labels.cost_j[index]), tuple(labels.points[index].tolist()))
