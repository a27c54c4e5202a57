"""Looked-up costs equal those added up unit by unit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.serving.costs import ServiceCosts, changes
from tests.planner.serving.tables import drawn_table, gpu_like
from tests.thoroughness import examples


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 4]), st.integers(0, 2))
def test_listed_batches_are_added_up(seed: int, batch: int, entry: int) -> None:
    """Seconds and joules of a listed size are the sums of its units' from the entry on."""
    table = drawn_table(seed)
    costs, row = ServiceCosts(table), table.batches.index(batch)
    for v, variant in enumerate(table.variants):
        for p in range(len(table.points)):
            times = [variant.time_s[row][u][p] for u in range(entry, len(table.units))]
            watts = [variant.busy_w[row][u][p] for u in range(entry, len(table.units))]
            joules = sum(time_s * power_w for time_s, power_w in zip(times, watts, strict=True))
            assert costs.time_s(v, batch, p, entry) == pytest.approx(sum(times), rel=1e-12)
            assert costs.energy_j(v, batch, p, entry) == pytest.approx(joules, rel=1e-12)


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000))
def test_a_size_between_lies_between(seed: int) -> None:
    """Two requests on a table of one and three cost the mean of both, in time and in energy."""
    costs = ServiceCosts(drawn_table(seed))
    for ask in (costs.time_s, costs.energy_j):
        assert ask(0, 2, 1) == pytest.approx((ask(0, 1, 1) + ask(0, 3, 1)) / 2.0, rel=1e-12)


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(1e-3, 4e-2))
def test_the_cheapest_within_is_the_cheapest(seed: int, batch: int, within_s: float) -> None:
    """Against looking at every clock; None exactly where no clock is quick enough."""
    table = drawn_table(seed, points=5)
    costs = ServiceCosts(table)
    ways = [(costs.energy_j(1, batch, p), costs.time_s(1, batch, p)) for p in range(5)]
    affordable = [energy_j for energy_j, time_s in ways if time_s <= within_s]
    found = costs.cheapest(1, batch, within_s)
    assert (found is None) == (not affordable)
    if found is not None:
        assert found.energy_j == min(affordable)
        assert found.time_s <= within_s
    assert costs.fastest(1, batch).time_s == min(time_s for _, time_s in ways)


def test_changes_count_from_the_clock_held_before() -> None:
    """Staying costs nothing; each step to another clock counts once."""
    assert changes(2, (2, 2, 2)) == 0
    assert changes(0, (2, 2, 2)) == 1
    assert changes(2, (2, 1, 2)) == 2
    assert ServiceCosts(gpu_like(switch_s=0.005)).switching_s(0, (2, 1, 1, 1)) == pytest.approx(0.010)
