"""The search over offers against an integer program made from the contract's text."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from joulecut_core.fleets import Fleet
from joulecut_core.timing import ManualClock
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet.menu import Budget, Menu
from joulecut_planner.fleet.offers import offers_of
from joulecut_planner.fleet.search import Effort, Root, search
from joulecut_planner.fleet.worth import FREE
from tests.planner.fleet.drawn_fleets import copied, drawn_fleet
from tests.planner.fleet.fleet_oracle import best, check_plan, share_range, terms
from tests.thoroughness import THOROUGH


def integer_optimum_w(fleet: Fleet, server_point: int, *, copies: int = 1) -> float:
    """The least power at a server point of a fleet without radios: one integer per choice, solved by HiGHS.

    `copies`: how many there are of each edge.
    """
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
        bounds=Bounds(0.0, float(copies)),
        constraints=[
            LinearConstraint(of_edge, copies, copies),
            LinearConstraint(needs, -np.inf, np.array([1.0, shared.server_utilisation])),
        ],
        options={"mip_rel_gap": 1e-9},
    )
    return idle_w + float(result.fun) if result.status == 0 else np.inf


@pytest.mark.parametrize("gap", [0.3, 0.05, 1e-3])
@pytest.mark.parametrize("seed", range(12 if THOROUGH else 4))
def test_an_early_end_leaves_an_honest_bound(seed: int, gap: float) -> None:
    """Where a wide gap is enough the plan is within it, and what was dropped on the way bounds the optimum."""
    fleet = drawn_fleet(40 + seed, 3, cuts=4, edge_points=3, server_points=2, radio=bool(seed % 2), uplink_share=0.05)
    offers = [offers_of(edge.problem, fleet.shared) for edge in fleet.edges]
    points = fleet.edges[0].problem.server.points
    found = search(
        [Root(point, 0.0, FREE) for point in range(len(points))],
        lambda point: Menu.of(offers, point, points[point].idle_w),
        Budget.of(fleet.shared),
        Effort(gap=gap, offers=10**9, until_s=None, clock=ManualClock()),
    )
    optimum_w = best(fleet, 0.0).power_w
    assert found.pick is not None
    assert found.bound_w <= optimum_w * (1 + 1e-9)
    assert optimum_w * (1 - 1e-8) <= found.pick.power_w
    assert found.pick.power_w - found.bound_w <= gap * found.pick.power_w * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(6 if THOROUGH else 3))
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


@pytest.mark.parametrize(("types", "copies"), [(1, 12), (1, 30), (2, 8), (3, 6)])
@pytest.mark.parametrize("seed", range(4 if THOROUGH else 2))
def test_fleets_of_twins_are_settled(seed: int, types: int, copies: int) -> None:
    """Edges alike could trade places in many plans; the search proves the integer program's optimum anyway."""
    shape = drawn_fleet(
        60 + seed, types, cuts=6, edge_points=3, server_points=2, radio=False, uplink_share=0.1 * copies
    )
    fleet = copied(shape, copies)
    plan = solve_fleet(fleet)
    check_plan(fleet, plan)
    optimum_w = min(integer_optimum_w(shape, point, copies=copies) for point in range(2))
    assert plan.power_w == pytest.approx(optimum_w, rel=1e-6)
    assert plan.gap is not None
    assert plan.gap <= 2e-7
