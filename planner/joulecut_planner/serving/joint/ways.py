"""The ways to run a batch: every variant at one clock, and at clocks of its own for each unit.

A way starts at the clock that is held, so that it costs no change unless its units differ. Where changes are
free, every way can start at once, and there is one *clock state*; else there is one for each of the operating
points worth holding. Clocks of units come from a Lagrangian: for prices of a second from less than nothing (a
device that waits draws power too) to many times the busy power, the path that minimises joules plus price times
seconds, changes included, by dynamic programming over the units. Those are the ways on the lower convex hull of
seconds and joules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.serving.costs import ServiceCosts

_MOST_STATES = 6
_MOST_UNIFORM = 24
_PRICES = (-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Of a second: below 0 in units of the least idle draw, above in units of the highest busy draw.

The first is left out where changes cost time: at that price they would cost nothing.
"""


@dataclass(frozen=True, slots=True)
class Ways:
    """Arrays over clock states, ways and batch sizes from 1, of shape (states, ways, sizes) where not said.

    `states` holds the operating point of each state. Ways that cannot be had take for ever.
    """

    states: tuple[int, ...]
    variants: tuple[int, ...]
    """Of each way: the table's index."""
    time_s: Array
    energy_j: Array
    """Of the busy units and the changes between them."""
    end: Indices
    """The clock state held afterwards."""
    points: Indices
    """Of shape (states, ways, sizes, units): the table's operating points."""
    idle_w: tuple[float, ...]
    """Drawn at rest in each state."""
    rest: tuple[int, ...]
    """The operating point to rest at, for each state."""
    switch_s: float
    switch_j: float

    @property
    def free(self) -> bool:
        """Whether changes cost nothing: there is one state, whatever the clock."""
        return self.switch_s == 0.0 and self.switch_j == 0.0

    def points_of(self, state: int, way: int, size: int) -> tuple[int, ...]:
        """The table's operating point of each unit."""
        return tuple(self.points[state, way, size - 1].tolist())


def find_ways(
    costs: ServiceCosts,
    variants: tuple[int, ...],
    sizes: int,
    *,
    within_s: float = math.inf,
    states: tuple[int, ...] | None = None,
) -> Ways:
    """The ways of some variants, for batches up to `sizes`, from some operating points (None: those worth holding).

    Clocks that change between units are left out where no batch would end within `within_s` by them.
    """
    table = costs.table
    if table.switch_s == 0.0 and table.switch_j == 0.0:
        return _free_ways(costs, variants, sizes)
    states = states or _worth_holding(costs, variants, sizes)
    times, energies, ends, points, of = [], [], [], [], []
    for variant in variants:
        time_s = np.moveaxis(costs.unit_time_s[variant][:sizes][:, :, states], 1, 0)
        energy_j = np.moveaxis(costs.unit_energy_j[variant][:sizes][:, :, states], 1, 0)
        prices = _prices(costs, variant)[1:] if len(table.units) > 1 else ()
        uniform = np.broadcast_to(np.arange(len(states))[:, None, None], (len(states), sizes, len(table.units)))
        for path in (uniform, *(_path(time_s, energy_j, price, costs, states) for price in prices)):
            seconds, joules = _along(time_s, energy_j, path, costs, states)
            changing = (path != path[:, :, :1]).any(axis=2)
            if path is not uniform and not (changing & (seconds <= within_s)).any():
                continue
            times.append(seconds)
            energies.append(joules)
            ends.append(path[:, :, -1])
            points.append(np.array(states)[path])
            of.append(variant)
    kept = [index for index in range(len(of)) if _is_new(index, times, energies, of)]
    return Ways(
        states=states,
        variants=tuple(of[index] for index in kept),
        time_s=np.stack([times[index] for index in kept], axis=1),
        energy_j=np.stack([energies[index] for index in kept], axis=1),
        end=np.stack([ends[index] for index in kept], axis=1),
        points=np.stack([points[index] for index in kept], axis=1),
        idle_w=tuple(table.idle_w[state] for state in states),
        rest=states,
        switch_s=table.switch_s,
        switch_j=table.switch_j,
    )


def _free_ways(costs: ServiceCosts, variants: tuple[int, ...], sizes: int) -> Ways:
    table = costs.table
    times, energies, points, of = [], [], [], []
    for variant in variants:
        time_s, energy_j = costs.unit_time_s[variant][:sizes], costs.unit_energy_j[variant][:sizes]
        shape = time_s.shape[:2]
        paths = [np.full(shape, point) for point in _on_hulls(costs, (variant,), sizes, _MOST_UNIFORM)]
        if len(table.units) > 1:
            paths += [(energy_j + price * time_s).argmin(axis=2) for price in _prices(costs, variant)]
        for path in paths:
            times.append(np.take_along_axis(time_s, path[:, :, None], axis=2)[:, :, 0].sum(axis=1))
            energies.append(np.take_along_axis(energy_j, path[:, :, None], axis=2)[:, :, 0].sum(axis=1))
            points.append(path)
            of.append(variant)
    rest = int(np.argmin(table.idle_w))
    return Ways(
        states=(costs.top,),
        variants=tuple(of),
        time_s=np.stack(times)[None],
        energy_j=np.stack(energies)[None],
        end=np.zeros((1, len(of), sizes), dtype=np.int64),
        points=np.stack(points)[None],
        idle_w=(table.idle_w[rest],),
        rest=(rest,),
        switch_s=0.0,
        switch_j=0.0,
    )


def _is_new(index: int, times: list[Array], energies: list[Array], of: list[int]) -> bool:
    """Whether no way before is the same."""
    return not any(
        of[other] == of[index]
        and np.allclose(times[other], times[index])
        and np.allclose(energies[other], energies[index])
        for other in range(index)
    )


def _worth_holding(costs: ServiceCosts, variants: tuple[int, ...], sizes: int) -> tuple[int, ...]:
    """Operating points to hold: those on some batch's hull, the highest, and the one of the least idle draw."""
    rest = int(np.argmin(costs.table.idle_w))
    fastest = {costs.fastest(variant, size).point for variant in variants for size in (1, sizes)}
    chosen = _on_hulls(costs, variants, sizes, _MOST_STATES)
    return tuple(sorted({*chosen, *fastest, rest, costs.top}))


def _on_hulls(costs: ServiceCosts, variants: tuple[int, ...], sizes: int, most: int) -> list[int]:
    """Points on the hull of seconds and joules beyond idling, of several batch sizes; thinned evenly to `most`."""
    idle_w = min(costs.table.idle_w)
    found: set[int] = set()
    for variant in variants:
        for size in sorted({1, max(sizes // 4, 1), max(sizes // 2, 1), sizes}):
            found.update(
                _lower_hull(
                    [
                        (time_s, costs.energy_j(variant, size, point) - idle_w * time_s, point)
                        for point in range(costs.top + 1)
                        for time_s in (costs.time_s(variant, size, point),)
                    ]
                )
            )
    points = sorted(found)
    if len(points) <= most:
        return points
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def _lower_hull(ways: list[tuple[float, float, int]]) -> list[int]:
    """The points on the decreasing part of the lower convex hull, from the quickest to the cheapest."""
    hull: list[tuple[float, float, int]] = []
    for time_s, energy_j, point in sorted(ways):
        if hull and energy_j >= hull[-1][1]:
            continue
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (time_s - hull[-2][0]) >= (energy_j - hull[-2][1]) * (
            hull[-1][0] - hull[-2][0]
        ):
            hull.pop()
        hull.append((time_s, energy_j, point))
    return [point for _, _, point in hull]


def _prices(costs: ServiceCosts, variant: int) -> tuple[float, ...]:
    busy_w = float((costs.unit_energy_j[variant] / costs.unit_time_s[variant]).max())
    idle_w = min(costs.table.idle_w)
    return tuple(price * (busy_w if price > 0.0 else idle_w) for price in _PRICES)


def _path(time_s: Array, energy_j: Array, price: float, costs: ServiceCosts, states: tuple[int, ...]) -> Indices:
    """The states of each unit that minimise joules + price * seconds: shape (start states, sizes, units).

    `time_s` and `energy_j` are of shape (units, sizes, states). The first unit runs at the state held.
    """
    table = costs.table
    idle_w = np.array([table.idle_w[state] for state in states])
    change = table.switch_j + table.switch_s * (idle_w + price)
    between = np.where(np.eye(len(states), dtype=bool), 0.0, change[None, :])
    cost = energy_j + price * time_s
    units, sizes = cost.shape[:2]
    best = np.empty((units, sizes, len(states)), dtype=np.int64)
    rest = np.zeros((sizes, len(states)))
    # From the last unit back: `rest[n, s]` is the least cost of the units behind, once unit u ran in state s.
    for unit in range(units - 1, 0, -1):
        options = between[None] + (cost[unit] + rest)[:, None, :]
        best[unit] = options.argmin(axis=2)
        rest = options.min(axis=2)
    path = np.empty((len(states), sizes, units), dtype=np.int64)
    path[:, :, 0] = np.arange(len(states))[:, None]
    rows = np.arange(sizes)[None, :]
    for unit in range(1, units):
        path[:, :, unit] = best[unit][rows, path[:, :, unit - 1]]
    return path


def _along(
    time_s: Array, energy_j: Array, path: Indices, costs: ServiceCosts, states: tuple[int, ...]
) -> tuple[Array, Array]:
    """Seconds and joules of paths, changes included: each of shape (start states, sizes)."""
    table = costs.table
    unit, row = np.arange(path.shape[2])[None, None, :], np.arange(path.shape[1])[None, :, None]
    changed = path[:, :, 1:] != path[:, :, :-1]
    idle_w = np.array([table.idle_w[state] for state in states])[path[:, :, 1:]]
    seconds = time_s[unit, row, path].sum(axis=2) + table.switch_s * changed.sum(axis=2)
    joules = energy_j[unit, row, path].sum(axis=2)
    joules += (changed * (table.switch_j + table.switch_s * idle_w)).sum(axis=2)
    return seconds, joules
