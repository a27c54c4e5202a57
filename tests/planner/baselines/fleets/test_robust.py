"""Robust partitioning of many devices: its turns gain, it ends above joulecut's plan, and what it fixes stays fixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.fleets import Fleet
from joulecut_planner.baselines.fleets import FLEET_BASELINES
from joulecut_planner.baselines.fleets.partitioning import stationary
from joulecut_planner.baselines.fleets.robust import relaxed_fleet_plan, robust
from joulecut_planner.baselines.robust import relaxed_plan
from joulecut_planner.fleet import solve_fleet
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.thoroughness import THOROUGH


def of_devices(fleet: Fleet) -> Fleet:
    """The paper's terms: the devices' joules alone, a server for everybody, Cantelli's margin."""
    edges = tuple(
        replace(
            edge,
            problem=replace(
                edge.problem,
                objective=replace(edge.problem.objective, server_weight=0.0, server_idle_share=0.0),
                slo=replace(edge.problem.slo, margin="cantelli"),
            ),
        )
        for edge in fleet.edges
    )
    return replace(fleet, edges=edges, shared=replace(fleet.shared, server_utilisation=1.0, server_idle_w_counts=False))


def small(seed: int, uplink_share: float) -> Fleet:
    """Eight devices in the paper's terms."""
    return of_devices(drawn_fleet(seed, 8, cuts=10, edge_points=4, server_points=3, uplink_share=uplink_share))


@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_in_its_own_terms_it_is_near_joulecut_s_plan_and_never_below_its_bound(seed: int) -> None:
    """With enough uplink for most, what is lost is the server's clock (free here) and a stationary point."""
    fleet = small(seed, 0.8)
    outcome, best = FLEET_BASELINES["robust"].plan(fleet), solve_fleet(fleet)
    assert best.lower_bound_w is not None
    assert outcome.power_w is not None
    assert set(outcome.broken) <= {"rate"}
    if not outcome.broken:
        assert best.lower_bound_w <= outcome.power_w <= 1.1 * best.lower_bound_w


def test_the_turns_end_where_an_edge_cannot_keep_up() -> None:
    """Blind to rates, it counts waiting that is not there: watts below nothing are no endless gain."""
    edges = tuple(
        replace(
            edge,
            problem=replace(
                edge.problem,
                slo=replace(edge.problem.slo, rate_hz=1e4, latency_s=None),
                edge=replace(
                    edge.problem.edge, points=tuple(replace(each, wait_w=1e3) for each in edge.problem.edge.points)
                ),
            ),
        )
        for edge in small(1, 0.3).edges
    )
    plan = relaxed_fleet_plan(replace(small(1, 0.3), edges=edges), stationary)
    assert plan.power_w < 0.0
    assert plan.turns < 20


def test_the_turns_never_lose_to_each_device_for_itself() -> None:
    """Before clocks are made real, sharing the uplink by need beats equal shares in the devices' own watts."""
    fleet = small(1, 0.3)
    plan = relaxed_fleet_plan(fleet, stationary)
    shares_bps = (fleet.shared.uplink_bps or 0.0) / len(fleet.edges)
    alone_w = 0.0
    for edge in fleet.edges:
        link = replace(
            edge.problem.link,
            uplink_bps=min(shares_bps, edge.problem.link.uplink_bps),
            rtt_s=edge.problem.link.rtt_s + fleet.shared.server_wait_s,
        )
        alone = relaxed_plan(replace(edge.problem, link=link))
        assert alone is not None
        assert alone.timely
        assert edge.problem.slo.rate_hz is not None
        alone_w += edge.problem.slo.rate_hz * edge.problem.objective.edge_weight * alone.edge_energy_j
    assert plan.late == 0.0
    assert plan.power_w <= alone_w * (1.0 + 1e-6)
    assert plan.resources.shares_bps.sum() <= (fleet.shared.uplink_bps or 0.0)


def test_one_device_is_the_single_problem_s_optimum() -> None:
    """Alone on its uplink a device ends no dearer than the exact optimum over neighbouring clocks."""
    fleet = of_devices(drawn_fleet(7, 1, cuts=10, edge_points=5, server_points=3, uplink_share=0.5))
    plan, edge = relaxed_fleet_plan(fleet, stationary), fleet.edges[0]
    link = replace(
        edge.problem.link,
        uplink_bps=min(edge.problem.link.uplink_bps, fleet.shared.uplink_bps or 0.0),
        rtt_s=edge.problem.link.rtt_s + fleet.shared.server_wait_s,
    )
    alone = relaxed_plan(replace(edge.problem, link=link))
    assert alone is not None
    assert edge.problem.slo.rate_hz is not None
    alone_w = edge.problem.slo.rate_hz * edge.problem.objective.edge_weight * alone.edge_energy_j
    assert plan.power_w == pytest.approx(alone_w, rel=1e-4)


def test_what_it_fixes_and_cannot_see() -> None:
    """The server at its top clock whatever it draws; its weight moves nothing; its joules cost the fleet dearly."""
    fleet = small(2, 0.8)
    heavy = replace(
        fleet,
        edges=tuple(
            replace(
                edge,
                problem=replace(edge.problem, objective=replace(edge.problem.objective, server_weight=5.0)),
            )
            for edge in fleet.edges
        ),
    )
    light_plan, heavy_plan = robust(fleet), robust(heavy)
    assert light_plan.choices == heavy_plan.choices
    assert any(choice is not None and choice.server_point == 2 for choice in light_plan.choices)
    assert {choice.server_point for choice in light_plan.choices if choice is not None} <= {2, None}
    np.testing.assert_allclose(light_plan.shares_bps, heavy_plan.shares_bps)
    best = solve_fleet(heavy)
    outcome = FLEET_BASELINES["robust"].plan(heavy)
    assert best.power_w is not None
    assert outcome.power_w is not None
    assert outcome.power_w > 1.2 * best.power_w
