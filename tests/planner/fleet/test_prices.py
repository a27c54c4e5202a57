"""Prices and bounds against independent oracles: a cone program, and exhaustive search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.fleets import Fleet
from joulecut_planner.fleet.menu import Budget, Menu
from joulecut_planner.fleet.offers import offers_of
from joulecut_planner.fleet.prices import best_prices
from joulecut_planner.fleet.relaxation import relaxed
from joulecut_planner.fleet.rounding import fits, rounded, settled
from joulecut_planner.fleet.worth import FREE, Prices
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.fleet.fleet_oracle import best
from tests.planner.fleet.fleet_strategies import fleets
from tests.thoroughness import examples


def menu_of(fleet: Fleet, server_point: int) -> Menu:
    """The menu of a fleet all of whose edges can be served at a point."""
    offers = [offers_of(edge.problem, fleet.shared) for edge in fleet.edges]
    points = fleet.edges[0].problem.server.points
    return Menu.of(offers, server_point, points[server_point].idle_w if fleet.shared.server_idle_w_counts else 0.0)


@pytest.mark.parametrize("radio", [True, False])
@pytest.mark.parametrize("edges", [2, 15])
def test_the_bound_is_the_cone_programs_optimum(edges: int, *, radio: bool) -> None:
    """The Lagrangian's peak is the value of the convex relaxation, and its prices are the dual variables."""
    fleet = drawn_fleet(11, edges, cuts=8, edge_points=3, server_points=3, radio=radio)
    menu, budget = menu_of(fleet, 1), Budget.of(fleet.shared)
    priced = best_prices(menu, budget, FREE, ceiling_w=math.inf, tolerance=1e-9)
    oracle = relaxed(menu, budget)
    assert priced.bound_w == pytest.approx(oracle.power_w, rel=1e-5)
    assert priced.bound_w <= oracle.power_w * (1 + 1e-5)
    at_oracle = menu.valued(oracle.prices, budget).bound_w
    assert at_oracle == pytest.approx(priced.bound_w, rel=1e-4)
    assert at_oracle <= priced.bound_w * (1 + 1e-6)


@settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(fleet=fleets(), uplink=st.floats(0.0, 1e-4), load=st.floats(0.0, 500.0))
def test_any_prices_bound_from_below(fleet: Fleet, uplink: float, load: float) -> None:
    """Whatever the prices, no feasible plan of the fleet draws less than the least bound over the server points."""
    offers = [offers_of(edge.problem, fleet.shared) for edge in fleet.edges]
    points = fleet.edges[0].problem.server.points
    budget = Budget.of(fleet.shared)
    prices = Prices(uplink if math.isfinite(budget.uplink_bps) else 0.0, load)
    bounds = [
        Menu.of(offers, j, point.idle_w if fleet.shared.server_idle_w_counts else 0.0).valued(prices, budget).bound_w
        for j, point in enumerate(points)
        if all(one.start[j] < one.start[j + 1] for one in offers)
    ]
    least_w = best(fleet, 0.0)
    if not least_w.rejected and bounds:
        assert min(bounds) <= least_w.power_w + 1e-9


def test_rounding_and_improving_never_break_a_bound() -> None:
    """Plans made from prices fit, cost what their offers cost, and are not above where they started."""
    fleet = drawn_fleet(12, 25, cuts=10, edge_points=3, server_points=3)
    menu, budget = menu_of(fleet, 2), Budget.of(fleet.shared)
    priced = best_prices(menu, budget, FREE, ceiling_w=math.inf, tolerance=1e-9)
    stingy = menu.start[:-1]
    assert fits(menu, budget, stingy)
    for start in (menu.cheapest(priced.best), stingy, menu.start[1:] - 1):
        pick = rounded(menu, budget, priced.best, start)
        assert pick is not None
        assert fits(menu, budget, pick.offer)
        assert (menu.owner[pick.offer] == np.arange(menu.edges)).all()
        assert pick.share_bps.sum() <= budget.uplink_bps * (1 + 1e-9)
        assert priced.bound_w <= pick.power_w <= settled(menu, budget, stingy).power_w
        assert pick.power_w <= priced.bound_w * (1 + 1e-3)
