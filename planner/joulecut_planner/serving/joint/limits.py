"""How much time batches need at least: what decides who can still be in time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint.ways import Ways


@dataclass(frozen=True, slots=True)
class Rescue:
    """The last resort: seconds until the end of a batch at best, and the clock state to change to for that."""

    time_s: float
    state: int


class Limits:
    """Times of the ways of a table, ready for single lookups. Sizes count from 1."""

    def __init__(self, costs: ServiceCosts, variants: tuple[int, ...], ways: Ways) -> None:
        self.sizes: int = ways.time_s.shape[2]
        sorted_s = np.sort(ways.time_s, axis=1)
        self._times: list[list[list[float]]] = sorted_s.transpose(0, 2, 1).tolist()
        """By state and size less one: the seconds of each way, ascending."""
        self._rescues = [
            [
                min(
                    (
                        Rescue(times[size][0] + (ways.switch_s if state != held else 0.0), state)
                        for state, times in enumerate(self._times)
                    ),
                    key=lambda rescue: rescue.time_s,
                )
                for size in range(self.sizes)
            ]
            for held in range(len(ways.states))
        ]
        self.quickest_state = min(range(len(ways.states)), key=lambda state: self._times[state][-1][0])
        """The clock state that runs the largest batches in the least time."""
        self.alone_s = [
            min(float(costs.unit_time_s[v][0, entry:, :].sum(axis=0).min()) for v in variants)
            for entry in range(len(costs.table.units))
        ]
        """By entry: the seconds of a request alone, at one clock, no change of it counted."""
        self._saved_s = [
            [
                min(float(costs.unit_time_s[v][size, :entry, :].min(axis=1).sum()) for v in variants)
                for size in range(self.sizes)
            ]
            for entry in range(len(costs.table.units))
        ]

    def fitting(self, state: int, size: int, within_s: float) -> int:
        """How many of the ways to run a batch take at most so long; 0 for one that is too large."""
        return bisect_right(self._times[state][size - 1], within_s) if 0 < size <= self.sizes else 0

    def quickest_s(self, state: int, size: int) -> float:
        """Seconds of the quickest way at the clock held."""
        return self._times[state][size - 1][0]

    def rescue(self, state: int, size: int) -> Rescue:
        """The quickest way at any clock, the change to it included; never, for a batch that is too large."""
        return self._rescues[state][size - 1] if size <= self.sizes else Rescue(math.inf, state)

    def largest(self, state: int, most: int, within_s: float) -> int:
        """The largest batch of at most `most` that can end within so long at the clock held; 0 where none can."""
        size = min(most, self.sizes)
        while size and self._times[state][size - 1][0] > within_s:
            size -= 1
        return size

    def saved_s(self, entry: int, size: int) -> float:
        """Seconds that a batch needs less, at least, when all of it enters at unit `entry` or behind."""
        return self._saved_s[entry][min(size, self.sizes) - 1] if entry else 0.0


def batch_s(costs: ServiceCosts, variant: int, points: tuple[int, ...], entries: Sequence[int], held: int) -> float:
    """Seconds of a batch whose members enter at these units, at an operating point for each unit, changes counted."""
    time_s = 0.0
    for unit in range(min(entries), len(points)):
        if points[unit] != held:
            time_s += costs.table.switch_s
            held = points[unit]
        running = sum(entry <= unit for entry in entries)
        time_s += costs.unit_s[variant][running - 1][unit][held]
    return time_s
