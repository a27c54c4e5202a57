"""The search over offers against an integer program made from the contract's text."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from joulecut_core.fleets import Fleet
from joulecut_planner.fleet import solve_fleet
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.fleet.fleet_oracle import check_plan, share_range, terms


def integer_optimum_w(fleet: Fleet, server_point: int) -> float:
    """The least power at a server point of a fleet without radios: one binary per choice, solved by HiGHS."""
    shared = fleet.shared
    assert shared.uplink_bps is not None
    columns = [
        (n, one, span[0])
        for n, edge in enumerate(fleet.edges)
        for one in terms(edge.problem, shared, server_point)
        if (span := share_range(edge.problem, shared, one, 0.0)) is not None
    ]
    idle_w = fleet.edges[0].problem.server.points[server_point].idle_w if shared.server_idle_w_counts else 0.0
    cost = np.array([one.fixed_w - idle_w * one.load for _, one, _ in columns])
    owner = np.array([n for n, _, _ in columns])
    of_edge = (owner[None, :] == np.arange(len(fleet.edges))[:, None]).astype(float)
    needs = np.array(
        [[low / shared.uplink_bps for _, _, low in columns], [one.load for _, one, _ in columns]], dtype=float
    )
    result = milp(
        cost,
        integrality=np.ones(len(columns), dtype=np.int64),
        bounds=Bounds(0.0, 1.0),
        constraints=[
            LinearConstraint(of_edge, 1.0, 1.0),
            LinearConstraint(needs, -np.inf, np.array([1.0, shared.server_utilisation])),
        ],
        options={"mip_rel_gap": 1e-9},
    )
    return idle_w + float(result.fun) if result.status == 0 else np.inf


@pytest.mark.parametrize("seed", range(6))
def test_ten_edges_cost_what_the_integer_program_says(seed: int) -> None:
    """Fleets beyond exhaustive search: the least power over all server points, to HiGHS's own precision."""
    fleet = drawn_fleet(
        20 + seed, 10, cuts=6, edge_points=3, server_points=2, radio=False, uplink_share=0.02 + 0.03 * seed
    )
    plan = solve_fleet(fleet)
    check_plan(fleet, plan)
    optimum_w = min(integer_optimum_w(fleet, point) for point in range(2))
    assert plan.power_w == pytest.approx(optimum_w, rel=1e-6)
    assert plan.gap is not None
    assert plan.gap <= 2e-7
