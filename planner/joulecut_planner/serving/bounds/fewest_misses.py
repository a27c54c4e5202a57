"""The fewest requests that any schedule must miss, with every arrival known beforehand. Exact.

One device, batches that cannot be interrupted, one service level: who comes first is due first. Of any schedule,
members of two batches can be exchanged until the batches are stretches of the line of those served, and a member that
another one could stand in for, having come later, can be dropped for it: batches of requests that came one after the
other are enough. What is left to choose is where batches begin and end, and whom to leave out between them:

    after the first i requests: misses so far, and the earliest time at which the device can be free

Of two ways to the same i the one with fewer misses and the earlier time is never worse; the others are dropped, and so
are all but one of those that are free before the next request comes. A handful of ways is left at each i.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from joulecut_planner.serving.costs import ServiceCosts

_ROUNDING_S = 1e-9


def fewest_misses(costs: ServiceCosts, arrivals_s: Sequence[float], slo_s: float, *, variant: int = 0) -> int:
    """How many of those arriving at these ascending times no schedule of a variant answers within `slo_s`.

    Each unit runs at its quickest clock and changes of the clock cost nothing, so that no device that follows the table
    misses fewer. Requests enter at the first unit. Raises ValueError for arrivals out of order.
    """
    if any(later < earlier for earlier, later in pairwise(arrivals_s)):
        raise ValueError("arrivals are not in order of time")
    least_s: list[float] = costs.unit_time_s[variant].min(axis=2).sum(axis=1).tolist()
    count = len(arrivals_s)
    ways: list[list[tuple[float, int]]] = [[(0.0, 0)]]
    """By how many requests have been decided upon: when the device is free, falling, and misses, rising."""
    for decided in range(1, count + 1):
        newest_s = arrivals_s[decided - 1]
        found = [(misses + 1, free_s) for free_s, misses in ways[decided - 1]]
        for size in range(1, min(decided, costs.largest) + 1):
            due_s = arrivals_s[decided - size] + slo_s + _ROUNDING_S
            if newest_s > due_s:
                break
            latest_s = due_s - least_s[size - 1]
            if newest_s > latest_s:
                continue
            for free_s, misses in ways[decided - size]:
                start_s = max(free_s, newest_s)
                if start_s <= latest_s:
                    found.append((misses, start_s + least_s[size - 1]))
        next_s = arrivals_s[decided] if decided < count else math.inf
        ways.append(_best(found, next_s))
    return min(misses for _, misses in ways[count])


def _best(found: list[tuple[int, float]], next_s: float) -> list[tuple[float, int]]:
    """Those that no other beats; being free before `next_s` is worth no more than being free then."""
    best: list[tuple[float, int]] = []
    earliest_s = math.inf
    for misses, free_s in sorted((misses, max(free_s, next_s)) for misses, free_s in found):
        if free_s < earliest_s or not best:
            best.append((free_s, misses))
            earliest_s = free_s
    return best
