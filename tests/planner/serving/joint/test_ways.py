"""Ways to run a batch: real times and joules, and the best clocks of units for each price of a second."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts, changes
from joulecut_planner.serving.joint.ways import Ways, find_ways
from tests.planner.serving.tables import drawn_table, gpu_like
from tests.thoroughness import examples


def _priced(
    table: ServiceTable, costs: ServiceCosts, variant: int, size: int, points: tuple[int, ...]
) -> tuple[float, float]:
    """Seconds and joules of a batch from its first unit on, added up by hand."""
    time_s = energy_j = 0.0
    held = points[0]
    for unit, point in enumerate(points):
        if point != held:
            time_s += table.switch_s
            energy_j += table.switch_j + table.switch_s * table.idle_w[point]
            held = point
        time_s += costs.unit_s[variant][size - 1][unit][point]
        energy_j += costs.unit_j[variant][size - 1][unit][point]
    return time_s, energy_j


def _all(ways: Ways) -> list[tuple[int, int, int]]:
    states, count, sizes = ways.time_s.shape
    return list(product(range(states), range(count), range(1, sizes + 1)))


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 10_000))
def test_times_and_joules_are_those_of_the_clocks(seed: int) -> None:
    """Each way costs what its clocks cost, changes between units included, and starts and ends at its states."""
    table = drawn_table(seed)
    costs = ServiceCosts(table)
    ways = find_ways(costs, (0, 1), 4)
    for state, way, size in _all(ways):
        points = ways.points_of(state, way, size)
        time_s, energy_j = _priced(table, costs, ways.variants[way], size, points)
        assert ways.time_s[state, way, size - 1] == pytest.approx(time_s, rel=1e-12)
        assert ways.energy_j[state, way, size - 1] == pytest.approx(energy_j, rel=1e-12)
        if not ways.free:
            assert points[0] == ways.states[state]
            assert points[-1] == ways.states[ways.end[state, way, size - 1]]


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0]))
def test_the_hull_is_reached(seed: int, share: float) -> None:
    """At a price of a second in shares of the busy draw, the best way is the best of all assignments of clocks."""
    table = drawn_table(seed)
    costs = ServiceCosts(table)
    price_w = share * max(watts for units in table.variants[0].busy_w for points in units for watts in points)
    ways = find_ways(costs, (0,), 4)
    for state, held in enumerate(ways.states):
        offered = ways.energy_j[state, :, 3] + price_w * ways.time_s[state, :, 3]
        firsts, others = (range(3), range(3)) if ways.free else ((held,), ways.states)
        best = min(
            energy_j + price_w * time_s
            for points in product(firsts, others, others)
            for time_s, energy_j in (_priced(table, costs, 0, 4, points),)
        )
        assert offered.min() == pytest.approx(best, rel=1e-9)


def test_free_changes_make_one_state() -> None:
    """Where a change costs nothing the clock held says nothing, and the device rests at its least draw."""
    ways = find_ways(ServiceCosts(gpu_like(switch_s=0.0)), (0,), 8)
    assert ways.free
    assert len(ways.states) == 1
    assert ways.rest == (0,)


def test_states_hold_the_extremes() -> None:
    """The highest clock and the one of the least idle draw can be held, however many the table has."""
    table = replace(gpu_like(points=60, switch_s=0.01), idle_w=tuple(30.0 + (p - 1) ** 2 / 50.0 for p in range(60)))
    ways = find_ways(ServiceCosts(table), (0,), 8)
    assert {1, 59} <= set(ways.states)
    assert len(ways.states) <= 12


def test_long_changes_leave_one_clock() -> None:
    """A change that takes longer than the batch makes no way with several clocks worth having."""
    table = gpu_like(switch_s=1.0)
    ways = find_ways(ServiceCosts(table), (0,), 4)
    assert all(changes(ways.points_of(*key)[0], ways.points_of(*key)) == 0 for key in _all(ways))
