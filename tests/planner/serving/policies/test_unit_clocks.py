"""The dynamic programme against looking at every assignment of clocks."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.one_clock import OneClock
from joulecut_planner.serving.policies.unit_clocks import UnitClocks
from tests.planner.serving.tables import drawn_table
from tests.thoroughness import examples


def priced(
    table: ServiceTable, batch: int, held: int, entry: int, points: tuple[int, ...], resting_w: float
) -> tuple[float, float]:
    """Seconds and cost of one assignment, added up change by change."""
    costs = ServiceCosts(table)
    time_s = cost_j = 0.0
    for unit, point in enumerate(points, entry):
        if point != held:
            time_s += table.switch_s
            cost_j += table.switch_j + table.switch_s * (table.idle_w[point] - resting_w)
        held = point
        unit_s = costs.unit_s[1][batch - 1][unit][point]
        time_s += unit_s
        cost_j += costs.unit_j[1][batch - 1][unit][point] - resting_w * unit_s
    return time_s, cost_j


@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    units=st.integers(1, 4),
    points=st.integers(1, 4),
    batch=st.integers(1, 4),
    within_s=st.floats(1e-3, 4e-2),
    rests=st.booleans(),
    data=st.data(),
)
def test_equals_every_assignment(
    seed: int, units: int, points: int, batch: int, within_s: float, rests: bool, data: st.DataObject
) -> None:
    """Least cost in time, for any clock held and any unit to start at, changes counted."""
    table = drawn_table(seed, units=units, points=points)
    resting_w = min(table.idle_w) if rests else 0.0
    held, entry = data.draw(st.integers(0, points - 1)), data.draw(st.integers(0, units - 1))
    clocks = UnitClocks(ServiceCosts(table), 1, resting_w=resting_w)
    ways = [
        priced(table, batch, held, entry, assignment, resting_w)
        for assignment in product(range(points), repeat=units - entry)
    ]
    in_time = [cost_j for time_s, cost_j in ways if time_s <= within_s]
    found = clocks.cheapest(batch, within_s, held, entry)
    assert (found is None) == (not in_time)
    if found is not None:
        assert found.cost_j == pytest.approx(min(in_time), rel=1e-12, abs=1e-12)
        assert (found.time_s, found.cost_j) == pytest.approx(priced(table, batch, held, entry, found.points, resting_w))
    assert clocks.fastest(batch, held, entry).time_s == pytest.approx(min(time_s for time_s, _ in ways))
    assert clocks.gap_j(batch, entry) == 0.0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), within_s=st.floats(4e-3, 3e-2))
def test_thinned_fronts_keep_time_and_the_promised_gap(seed: int, within_s: float) -> None:
    """With room for few labels answers stay real and in time, and cost at most `gap_j` more than the least."""
    table = drawn_table(seed, units=4, points=6)
    costs = ServiceCosts(table)
    exact, thinned = UnitClocks(costs, 1), UnitClocks(costs, 1, most_labels=6)
    least, found = exact.cheapest(3, within_s, 2), thinned.cheapest(3, within_s, 2)
    assert (least is None) == (found is None)
    if least is not None and found is not None:
        assert (found.time_s, found.cost_j) == pytest.approx(priced(table, 3, 2, 0, found.points, 0.0))
        assert found.time_s <= within_s
        assert found.cost_j <= least.cost_j + thinned.gap_j(3) + 1e-12


@settings(max_examples=examples(100), deadline=None)
@given(seed=st.integers(0, 10_000), within_s=st.floats(1e-3, 4e-2), held=st.integers(0, 4), entry=st.integers(0, 2))
def test_one_clock_equals_every_clock(seed: int, within_s: float, held: int, entry: int) -> None:
    """The single clock likewise, staying at the one held included."""
    table = drawn_table(seed, points=5)
    ways = [priced(table, 2, held, entry, (point,) * (3 - entry), 1.0) for point in range(5)]
    in_time = [cost_j for time_s, cost_j in ways if time_s <= within_s]
    clocks = OneClock(ServiceCosts(table), 1, resting_w=1.0)
    found = clocks.cheapest(2, within_s, held, entry)
    assert (found is None) == (not in_time)
    if found is not None:
        assert found.cost_j == pytest.approx(min(in_time))
    assert clocks.fastest(2, held, entry).time_s == pytest.approx(min(time_s for time_s, _ in ways))


def test_resting_cannot_draw_more_than_idling() -> None:
    """Else a change of the clock would earn joules."""
    table = drawn_table(1)
    for make in (OneClock, UnitClocks):
        with pytest.raises(ValueError, match=r"resting_w: 5\.0; expected at most the least idle draw"):
            make(ServiceCosts(table), resting_w=5.0)
