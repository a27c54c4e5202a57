"""The values obey what any optimum obeys, and small cases that can be worked out by hand."""

from __future__ import annotations

import pytest

from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import grid as grid_module
from joulecut_planner.serving.joint.arrival_law import arrival_law
from joulecut_planner.serving.joint.grid import DecisionGrid
from joulecut_planner.serving.joint.sweep import Prices
from joulecut_planner.serving.joint.values import Values, solve
from joulecut_planner.serving.joint.ways import find_ways
from tests.planner.serving.joint.arrivals import three_lone_s
from tests.planner.serving.tables import gpu_like


def _solved(
    *, rate_hz: float, switch_s: float = 0.0, points: int = 4, miss: float = 30.0, dispersion: float = 1.0
) -> tuple[Values, DecisionGrid, ServiceCosts]:
    table = gpu_like(units=1, points=points, batches=(1, 2, 4, 8), switch_s=switch_s)
    costs = ServiceCosts(table)
    slo_s = three_lone_s(costs)
    grid = DecisionGrid(find_ways(costs, (0,), 8), deadline_s=slo_s, ages=30, most=12)
    law = arrival_law(rate_hz, dispersion, step_s=grid.step_s, most=12, ages=30, steps=grid.steps)
    lone_j = costs.energy_j(0, 1, costs.top)
    prices = Prices(lone_j=lone_j, miss_j=miss * lone_j, waiting_w=0.0, lasting_s=10.0)
    return solve(grid, law, prices), grid, costs


def test_a_rare_request_costs_the_cheapest_batch_of_one() -> None:
    """Hardly any load: the idle draw, plus for each request the least joules beyond it that end in time."""
    rate_hz = 0.5
    values, grid, costs = _solved(rate_hz=rate_hz)
    idle_w = min(costs.table.idle_w)
    ways = [way for way in costs.front(0, 1) if way.time_s <= grid.deadline_s]
    beyond_j = min(way.energy_j - idle_w * way.time_s for way in ways)
    assert values.cost_w == pytest.approx(idle_w + rate_hz * beyond_j, rel=5e-3)


def test_dearer_misses_cost_more_and_save_none() -> None:
    """The long-run cost rises with the price of a miss, and ever more slowly: it is concave."""
    costs_w = [_solved(rate_hz=260.0, miss=price)[0].cost_w for price in (5.0, 20.0, 80.0)]
    assert costs_w[0] < costs_w[1] < costs_w[2]
    assert (costs_w[2] - costs_w[1]) / 60.0 < 1.1 * (costs_w[1] - costs_w[0]) / 15.0


def test_clusters_and_slow_clocks_make_it_dearer() -> None:
    """The same rate costs more in clusters than at random; changes that take time cost more than free ones."""
    random_w = _solved(rate_hz=150.0)[0].cost_w
    assert _solved(rate_hz=150.0, dispersion=4.0)[0].cost_w > random_w
    assert _solved(rate_hz=150.0, switch_s=0.01)[0].cost_w > random_w


def test_every_state_has_a_decision() -> None:
    """Values are finite everywhere, and the best free state is the zero that they count from."""
    values, grid, _ = _solved(rate_hz=200.0, switch_s=0.002)
    assert abs(values.swept.relative).max() < float("inf")
    assert abs(float(values.swept.relative[:, 0, 0].min())) < 0.05 * values.cost_w * grid.deadline_s
    assert not values.swept.decisions()[0][:, 1:, -1].any()


def test_a_long_change_of_the_clock_is_worth_what_it_is_when_followed_throughout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twelve deadlines of it: behind the eighth as many are lost as come, and a load lasts but for a while."""
    cut_off, grid, _ = _solved(rate_hz=100.0, switch_s=0.18)
    assert grid.steps == 8 * grid.ages + 1
    monkeypatch.setattr(grid_module, "_FOLLOWED", 20.0)
    followed, longer, _ = _solved(rate_hz=100.0, switch_s=0.18)
    assert longer.steps > grid.steps
    assert cut_off.cost_w == pytest.approx(followed.cost_w, rel=1e-6)
    assert cut_off.swept.changes == pytest.approx(followed.swept.changes, rel=5e-3)
