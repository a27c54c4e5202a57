"""All schedules of a few requests, one after the other: what the bounds are compared with."""

from __future__ import annotations

from itertools import combinations, product

from joulecut_planner.serving.costs import ServiceCosts, changes

_ROUNDING_S = 1e-12


def every_schedule(costs: ServiceCosts, arrivals_s: list[float], slo_s: float) -> dict[int, float]:
    """The least joules beyond resting, at the least idle draw, of any schedule with so many misses, by misses.

    The device starts at its highest clock. Batches hold any of the requests that have come, in any order, each unit
    at any clock; every change takes its time and joules, at the idle draw of its clock.
    """
    table = costs.table
    best: dict[int, float] = {}

    def go(left: frozenset[int], free_s: float, held: int, energy_j: float) -> None:
        best[len(left)] = min(best.get(len(left), float("inf")), energy_j)
        for size in range(1, min(len(left), costs.largest) + 1):
            for members in combinations(sorted(left), size):
                due_s = min(arrivals_s[each] for each in members) + slo_s + _ROUNDING_S
                start_s = max(free_s, *(arrivals_s[each] for each in members))
                for points in product(range(costs.top + 1), repeat=len(table.units)):
                    ends = _ends(costs, size, points, held, start_s)
                    # A change that was made while nothing ran has cost no time.
                    early = _ends(costs, size, points, points[0], max(start_s, free_s + table.switch_s))
                    end_s = min(ends, early)
                    if end_s <= due_s:
                        spent_j = _joules(costs, size, points, held)
                        go(left - set(members), end_s, points[-1], energy_j + spent_j)

    go(frozenset(range(len(arrivals_s))), 0.0, costs.top, 0.0)
    return best


def _ends(costs: ServiceCosts, size: int, points: tuple[int, ...], held: int, start_s: float) -> float:
    unit_s = costs.unit_s[0][size - 1]
    return start_s + sum(unit_s[unit][point] for unit, point in enumerate(points)) + costs.switching_s(held, points)


def _joules(costs: ServiceCosts, size: int, points: tuple[int, ...], held: int) -> float:
    table, resting_w = costs.table, min(costs.table.idle_w)
    unit_s, unit_j = costs.unit_s[0][size - 1], costs.unit_j[0][size - 1]
    busy_j = sum(unit_j[unit][point] - resting_w * unit_s[unit][point] for unit, point in enumerate(points))
    return busy_j + changes(held, points) * table.switch_j
