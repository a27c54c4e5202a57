"""All baselines of fleets: one interface, the fleet's own prices, and none ever below the proved bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.fleets import Fleet, FleetPlan, RejectedEdge
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_planner.baselines import BASELINES
from joulecut_planner.baselines.fleets import FLEET_BASELINES, FleetOutcome
from joulecut_planner.fleet import solve_fleet
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.fleet.fleet_oracle import check_plan
from tests.planner.fleet.fleet_strategies import fleets
from tests.thoroughness import THOROUGH, examples

ROBUST = ("robust", "robust-exact")
"""Those that solve cone programs, which takes a tenth of a second."""

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def as_plan(outcome: FleetOutcome, bound_w: float) -> FleetPlan:
    """An outcome that breaks nothing as the contract's answer, so that the contract's own check can judge it."""
    power_w = outcome.power_w
    assert power_w is not None
    lower_bound_w = min(bound_w, power_w)
    return FleetPlan(
        status=OPTIMAL,
        server_point=outcome.server_point,
        edges=outcome.edges,
        power_w=power_w,
        lower_bound_w=lower_bound_w,
        gap=(power_w - lower_bound_w) / power_w if power_w > 0.0 else 0.0,
        rejected=tuple(RejectedEdge(name=name, reason="") for name in outcome.rejected),
    )


def check_against_the_bound(fleet: Fleet, names: Iterable[str]) -> None:
    """Rejected edges are everybody's; what breaks nothing is feasible by the contract's text, and above the bound."""
    best = solve_fleet(fleet)
    for name in names:
        outcome = FLEET_BASELINES[name].plan(fleet)
        assert outcome.rejected == tuple(edge.name for edge in best.rejected), name
        if outcome.broken:
            continue
        assert best.lower_bound_w is not None, name
        assert outcome.power_w is not None, name
        assert outcome.power_w >= best.lower_bound_w * (1.0 - 1e-9), name
        if outcome.edges:
            check_plan(fleet, as_plan(outcome, best.lower_bound_w))


@settings(max_examples=examples(75), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(fleet=fleets())
def test_what_breaks_nothing_is_feasible_and_draws_no_less_than_the_proved_bound(fleet: Fleet) -> None:
    """Recomputed apart from the planner's formulas; a fleet that cannot be served together is so for everybody."""
    check_against_the_bound(fleet, [name for name in FLEET_BASELINES if name not in ROBUST])


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(fleet=fleets())
def test_robust_partitioning_likewise(fleet: Fleet) -> None:
    """Its solvers' tolerances never make a bound look broken, or kept, that is not."""
    check_against_the_bound(fleet, ROBUST)


@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_on_realistic_fleets(seed: int) -> None:
    """With more to choose from: feasible where nothing is broken, never below the bound, `joint` the planner's plan."""
    fleet = drawn_fleet(seed, 6, cuts=12, edge_points=4, server_points=5, uplink_share=0.4)
    best = solve_fleet(fleet)
    assert best.power_w is not None
    assert best.lower_bound_w is not None
    outcomes = {name: baseline.plan(fleet) for name, baseline in FLEET_BASELINES.items()}
    assert outcomes["joint"].power_w == pytest.approx(best.power_w, rel=1e-12)
    for outcome in outcomes.values():
        if not outcome.broken:
            check_plan(fleet, as_plan(outcome, best.lower_bound_w))
            assert (outcome.power_w or 0.0) >= best.lower_bound_w


def test_what_is_broken_is_named_and_not_repaired() -> None:
    """Who sends everything on a short uplink with hardly any server breaks deadlines, rates and the server's bound."""
    fleet = drawn_fleet(2, 6, cuts=12, edge_points=4, server_points=5, uplink_share=0.05)
    fleet = replace(fleet, shared=replace(fleet.shared, server_utilisation=0.001))
    outcome = FLEET_BASELINES["all-server"].plan(fleet)
    assert outcome.broken == ("latency", "rate", "utilisation")
    assert all(edge.plan.status == INFEASIBLE for edge in outcome.edges)
    assert all(edge.plan.cut == 0 for edge in outcome.edges)
    assert outcome.uplink_bps == pytest.approx(fleet.shared.uplink_bps)
    assert outcome.load > 0.001


def test_an_edge_without_a_choice_is_unserved() -> None:
    """Where staying on the edge is forbidden, whoever only knows that has no choice, and the fleet no power."""
    fleet = drawn_fleet(0, 2, cuts=6, edge_points=3, server_points=3, uplink_share=3.0)
    edge = fleet.edges[0]
    cuts = (*edge.problem.cuts[:-1], replace(edge.problem.cuts[-1], allowed=False))
    slo = replace(edge.problem.slo, latency_s=1.0)
    fleet = replace(fleet, edges=(replace(edge, problem=replace(edge.problem, cuts=cuts, slo=slo)), *fleet.edges[1:]))
    outcome = FLEET_BASELINES["edge-clock"].plan(fleet)
    assert "unserved" in outcome.broken
    assert outcome.power_w is None
    assert outcome.edges[0].plan.cut is None


def test_one_edge_alone_is_the_single_problem() -> None:
    """With nobody to share with, each lifted baseline picks what it picks for the single problem."""
    fleet = drawn_fleet(5, 1, cuts=12, edge_points=4, server_points=5, idle_counts=False)
    fleet = replace(fleet, shared=replace(fleet.shared, uplink_bps=None, server_wait_s=0.0, server_utilisation=1.0))
    problem = fleet.edges[0].problem
    for name, baseline in FLEET_BASELINES.items():
        single = {"joint-alone": "joint", "robust-alone": "robust"}.get(name, name)
        if single in BASELINES and name != "robust":
            served, alone = baseline.plan(fleet).edges[0].plan, BASELINES[single].plan(problem)
            assert (served.cut, served.edge_point, served.server_point) == (
                alone.cut,
                alone.edge_point,
                alone.server_point,
            ), name
            assert served.energy_j == alone.energy_j


def test_names_and_sources() -> None:
    """Each is listed under its own name with a source."""
    assert [baseline.name for baseline in FLEET_BASELINES.values()] == list(FLEET_BASELINES)
    assert all(baseline.source for baseline in FLEET_BASELINES.values())
