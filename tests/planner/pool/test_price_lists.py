"""Prices by name: of what is short, and never more than what it saves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.pools import Pool, pool_of
from joulecut_planner.fleet import FleetPlanner
from joulecut_planner.fleet.price_list import PriceList
from joulecut_planner.pool import PoolPlanner
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.pool.drawn_pools import drawn_pool


def planned(pool: Pool) -> tuple[float, PriceList]:
    """What a pool's plan draws, and its prices."""
    planner = PoolPlanner()
    plan = planner.plan(pool)
    assert plan.power_w is not None
    assert planner.prices is not None
    return plan.power_w, planner.prices


def test_a_scarce_uplink_has_a_price_that_a_smaller_one_pays() -> None:
    """With less of it a plan draws more, by half of what the price says at least: the relaxation's, not the margin."""
    pool = drawn_pool(3, edges=6, servers=2, uplinks=2, cuts=8, server_points=4)
    power_w, prices = planned(pool)
    assert set(prices.uplink_w_bps) == {"hall0", "hall1"}
    name, price_w_bps = max(prices.uplink_w_bps.items(), key=lambda each: each[1])
    assert price_w_bps > 0.0
    less = tuple(
        replace(uplink, uplink_bps=0.8 * uplink.uplink_bps) if uplink.name == name else uplink
        for uplink in pool.uplinks
    )
    lost_bps = next(0.2 * uplink.uplink_bps for uplink in pool.uplinks if uplink.name == name)
    assert planned(replace(pool, uplinks=less))[0] >= power_w + 0.5 * price_w_bps * lost_bps


def test_servers_that_serve_have_prices() -> None:
    """Whoever is placed somewhere pays for time there; a parked server sells none."""
    pool = drawn_pool(3, edges=6, servers=3)
    planner = PoolPlanner()
    plan = planner.plan(pool)
    assert planner.prices is not None
    assert set(planner.prices.server_time_w) == {server.name for server in plan.servers if server.edges}
    assert min(planner.prices.server_time_w.values()) >= 0.0


def test_both_versions_agree_on_the_uplink() -> None:
    """A fleet of version 1 and the same as a pool: one price for one uplink, under one name."""
    fleet = drawn_fleet(3, 8, cuts=12, server_points=6)
    planner = FleetPlanner()
    planner.plan(fleet)
    assert planner.prices is not None
    _, prices = planned(pool_of(fleet))
    assert prices.uplink_w_bps["uplink"] == pytest.approx(planner.prices.uplink_w_bps["uplink"], rel=0.05)
    assert set(planner.prices.server_time_w) == set(prices.server_time_w) == {"server"}


def test_nobody_served_has_no_prices() -> None:
    """Prices of an earlier plan are not those of this one."""
    pool = drawn_pool(3, edges=4, servers=2)
    planner = PoolPlanner()
    planner.plan(pool)
    hopeless = tuple(
        replace(
            edge,
            problems=tuple(
                replace(one, problem=replace(one.problem, slo=replace(one.problem.slo, latency_s=1e-9)))
                for one in edge.problems
            ),
        )
        for edge in pool.edges
    )
    assert len(planner.plan(replace(pool, edges=hopeless)).rejected) == len(pool.edges)
    assert planner.prices is None
