"""Fleet plans against the contract read aloud: right, complete, honest about their gap, and the same when warm."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, Shared
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Problem, Slo
from joulecut_core.timing import ManualClock
from joulecut_planner.fleet import FleetPlanner, solve_fleet
from tests.planner.fleet.drawn_fleets import copied, drawn_fleet
from tests.planner.fleet.fleet_oracle import best, check_plan
from tests.planner.fleet.fleet_strategies import fleets
from tests.planner.fleet.halves import halves_fleet
from tests.thoroughness import THOROUGH, examples

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]
TOLERANCE = 1e-9
PROVED = 2e-7
"""The gap that few edges are solved to, with a margin."""


class Ticking(ManualClock):
    """A second passes with each look at it: time limits count the steps of a search."""

    def now_s(self) -> float:
        """The time of this look."""
        self.advance_s(1.0)
        return super().now_s()


def without_local(problem: Problem) -> Problem:
    """The problem with its last cut forbidden."""
    return replace(problem, cuts=(*problem.cuts[:-1], replace(problem.cuts[-1], allowed=False)))


def check_against_oracle(fleet: Fleet, plan: FleetPlan) -> None:
    """Status, rejected edges, feasibility, power and bound of `plan` are those of exhaustive search."""
    strict, lenient = best(fleet, 0.0), best(fleet, TOLERANCE)
    names = frozenset(edge.name for edge in plan.rejected)
    assert lenient.rejected <= names <= strict.rejected
    if plan.status == INFEASIBLE:
        assert plan.edges == ()
        assert math.isinf(strict.power_w)
        return
    assert plan.status == OPTIMAL
    check_plan(fleet, plan)
    assert names | {edge.name for edge in plan.edges} == {edge.name for edge in fleet.edges}
    assert plan.power_w is not None
    assert plan.lower_bound_w is not None
    assert plan.gap is not None
    if names == lenient.rejected:
        assert plan.lower_bound_w <= lenient.power_w
    if names == strict.rejected:
        assert plan.power_w <= strict.power_w * (1 + PROVED) + 1e-12
    assert plan.gap <= PROVED


@settings(max_examples=examples(250), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(fleet=fleets())
def test_equals_exhaustive_search(fleet: Fleet) -> None:
    """On small fleets of every kind: the least power, a bound never above it, the rejected edges, and no false "no"."""
    check_against_oracle(fleet, solve_fleet(fleet))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(one=fleets(max_edges=1))
def test_three_of_a_kind_equal_exhaustive_search(one: Fleet) -> None:
    """Edges that may trade places lose no plan by being kept in order: radios, ties and idle draw included."""
    fleet = copied(one, 3)
    check_against_oracle(fleet, solve_fleet(fleet))


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 12))
def test_equals_exhaustive_search_where_everything_is_short(seed: int) -> None:
    """Realistic edges that fight for uplink and server, most of them unable to stay local: branching is needed."""
    rng = np.random.default_rng(seed)
    fleet = drawn_fleet(
        seed, 3, cuts=5, edge_points=3, server_points=2, radio=bool(seed % 2), idle_counts=bool(seed % 3)
    )
    edges = tuple(
        replace(edge, problem=without_local(edge.problem)) if rng.random() < 0.6 else edge for edge in fleet.edges
    )
    shared = replace(
        fleet.shared,
        uplink_bps=float(10 ** rng.uniform(5.5, 7.5)),
        server_utilisation=float(rng.uniform(0.005, 0.15)),
    )
    fleet = replace(fleet, edges=edges, shared=shared)
    check_against_oracle(fleet, solve_fleet(fleet))


@settings(max_examples=examples(150), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(fleet=fleets(max_edges=3), data=st.data())
def test_warm_equals_cold(fleet: Fleet, data: st.DataObject) -> None:
    """After edges leave, join and change bandwidth, a planner with a memory answers what one without it answers."""
    planner = FleetPlanner()
    planner.plan(fleet)
    for _ in range(3):
        kept = data.draw(st.lists(st.sampled_from(fleet.edges), min_size=1, unique_by=lambda edge: edge.name))
        changed = data.draw(st.sampled_from(kept))
        link = replace(changed.problem.link, uplink_bps=data.draw(st.sampled_from([1.5e6, 6e6, 2e7])))
        slower = replace(changed, problem=replace(changed.problem, link=link))
        now = replace(fleet, edges=tuple(slower if edge is changed else edge for edge in kept))
        warm, cold = planner.plan(now), solve_fleet(now)
        assert (warm.status, warm.rejected) == (cold.status, cold.rejected)
        if cold.power_w is not None and warm.power_w is not None:
            check_plan(now, warm)
            assert math.isclose(warm.power_w, cold.power_w, rel_tol=PROVED, abs_tol=1e-12)


def test_a_large_fleet_is_planned_warm_as_well_as_cold() -> None:
    """Where the optimum is not proved, a changed edge leaves the gap as small as a new search would, and honest."""
    fleet = drawn_fleet(3, 120, cuts=12, edge_points=4, server_points=8)
    planner = FleetPlanner()
    first = planner.plan(fleet)
    check_plan(fleet, first)
    assert first.gap is not None
    assert first.gap <= 1e-3
    offloading = {edge.name for edge in first.edges if edge.uplink_bps > 0.0}
    assert len(offloading) > 10
    index = next(n for n, edge in enumerate(fleet.edges) if edge.name in offloading)
    edge = fleet.edges[index]
    slower = replace(edge.problem, link=replace(edge.problem.link, uplink_bps=0.3 * edge.problem.link.uplink_bps))
    for edges in (
        (*fleet.edges[:index], replace(edge, problem=slower), *fleet.edges[index + 1 :]),
        (*fleet.edges[:index], *fleet.edges[index + 1 :]),
        fleet.edges,
    ):
        now = replace(fleet, edges=edges)
        warm, cold = planner.plan(now), solve_fleet(now)
        check_plan(now, warm)
        assert warm.power_w is not None
        assert warm.lower_bound_w is not None
        assert cold.power_w is not None
        assert cold.lower_bound_w is not None
        assert warm.lower_bound_w <= cold.power_w
        assert cold.lower_bound_w <= warm.power_w
        assert warm.power_w <= cold.power_w * (1 + 1e-3)


def test_unchanged_edges_keep_their_plans() -> None:
    """When one edge leaves, most other plans are the very same objects: nobody switches for nothing."""
    fleet = drawn_fleet(4, 60, cuts=12, edge_points=4, server_points=4)
    planner = FleetPlanner()
    before = {edge.name: edge for edge in planner.plan(fleet).edges}
    after = planner.plan(replace(fleet, edges=fleet.edges[1:])).edges
    same = [edge for edge in after if edge is before[edge.name]]
    assert len(same) >= 0.8 * len(after)


def test_a_server_point_comes_back_with_its_last_opponent_gone() -> None:
    """A point at which one edge has nothing to offer is open again as soon as that edge has left."""
    fleet = drawn_fleet(13, 6, cuts=6, edge_points=3, server_points=4)
    best_alone = solve_fleet(fleet).server_point
    edge = fleet.edges[0]
    tables = edge.problem.variants[0].server
    slow = tuple(tuple(1.0 if j == best_alone else s for j, s in enumerate(row)) for row in tables.time_s[:-1])
    tables = replace(tables, time_s=(*slow, tables.time_s[-1]))
    picky = replace(
        without_local(edge.problem),
        variants=(replace(edge.problem.variants[0], server=tables),),
        max_accuracy_loss=0.01,
    )
    with_it = replace(fleet, edges=(*fleet.edges, FleetEdge(name="picky", problem=picky)))
    planner = FleetPlanner()
    assert planner.plan(with_it).server_point != best_alone
    assert planner.plan(fleet).server_point == best_alone


def test_changed_bounds_are_planned_anew() -> None:
    """What a planner remembers of one `shared` never enters the plan under another."""
    fleet = drawn_fleet(5, 6, cuts=6, edge_points=3, server_points=3)
    planner = FleetPlanner()
    planner.plan(fleet)
    tight = replace(fleet, shared=replace(fleet.shared, uplink_bps=1e5, server_utilisation=0.05, server_wait_s=0.01))
    warm, cold = planner.plan(tight), solve_fleet(tight)
    check_plan(tight, warm)
    assert warm.power_w == pytest.approx(cold.power_w, rel=PROVED)


def test_all_rejected_is_an_answer() -> None:
    """Nobody can be served: an optimum of nothing but the idle draw, each edge with a reason that has numbers."""
    fleet = drawn_fleet(6, 3, cuts=4, edge_points=2, server_points=3)
    hopeless = replace(
        fleet,
        edges=tuple(
            replace(edge, problem=replace(edge.problem, slo=Slo(latency_s=1e-4, rate_hz=5.0))) for edge in fleet.edges
        ),
    )
    plan = solve_fleet(hopeless)
    idle_w = [point.idle_w for point in fleet.edges[0].problem.server.points]
    assert (plan.status, plan.edges, plan.gap) == (OPTIMAL, (), 0.0)
    assert plan.server_point == idle_w.index(min(idle_w))
    assert plan.power_w == plan.lower_bound_w == min(idle_w)
    assert [edge.name for edge in plan.rejected] == ["edge0", "edge1", "edge2"]
    assert all("expected at most slo.latency_s 0.0001 s" in edge.reason for edge in plan.rejected)
    without_idle = replace(hopeless, shared=replace(hopeless.shared, server_idle_w_counts=False))
    plan = solve_fleet(without_idle)
    assert (plan.server_point, plan.power_w, plan.lower_bound_w) == (None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("shared", "slo", "reason"),
    [
        (Shared(server_wait_s=5.0), Slo(latency_s=0.5, rate_hz=2.0), "the earliest answer takes"),
        (Shared(), Slo(rate_hz=1e5), "the period of slo.rate_hz 100000"),
        (Shared(server_utilisation=0.0), Slo(rate_hz=2.0), "expected at most shared.server_utilisation 0"),
        (Shared(uplink_bps=1000.0), Slo(latency_s=0.5, rate_hz=2.0), "at 1000 bit/s"),
    ],
)
def test_rejected_alone_in_this_fleet(shared: Shared, slo: Slo, reason: str) -> None:
    """The wait, the server's bound and the shared uplink count against an edge even when it is alone."""
    problem = replace(
        without_local(drawn_fleet(7, 1, cuts=4, edge_points=2, server_points=2).edges[0].problem), slo=slo
    )
    plan = solve_fleet(Fleet(edges=(FleetEdge(name="lonely", problem=problem),), shared=shared))
    assert plan.status == OPTIMAL
    assert [edge.name for edge in plan.rejected] == ["lonely"]
    assert reason in plan.rejected[0].reason


def test_nothing_allowed_is_a_reason() -> None:
    """An edge all of whose cuts are forbidden is told so, and not that it is late."""
    problem = drawn_fleet(7, 1, cuts=3, edge_points=2, server_points=2).edges[0].problem
    forbidden = replace(problem, cuts=tuple(replace(cut, allowed=False) for cut in problem.cuts))
    plan = solve_fleet(Fleet(edges=(FleetEdge(name="muzzled", problem=forbidden),)))
    assert "no allowed cut" in plan.rejected[0].reason


@pytest.mark.parametrize("count", [4, 10])
def test_infeasible_together_is_proved(count: int) -> None:
    """Each edge takes its size of uplink or of server time; sizes that cannot be halved are refused after a proof."""
    plan = solve_fleet(halves_fleet([1.0] * (count - 1) + [0.9]))
    assert plan.status == INFEASIBLE
    assert (plan.edges, plan.power_w, plan.lower_bound_w, plan.gap) == ((), None, None, None)


def test_feasible_together_is_found() -> None:
    """Of 1,024 ways to divide these sizes few are exact halves, and only those fit: one is found."""
    fleet = halves_fleet([0.31, 0.53, 0.17, 0.71, 0.43, 0.59, 0.29, 0.37, 0.61, 0.29])
    plan = solve_fleet(fleet)
    assert plan.status == OPTIMAL
    check_plan(fleet, plan)


def test_a_stopped_proof_claims_nothing() -> None:
    """When time is over without a plan and without a proof, that is an error and not "infeasible"."""
    rng = np.random.default_rng(8)
    with pytest.raises(PlanError, match="time_limit_s"):
        FleetPlanner(Ticking()).plan(halves_fleet(rng.uniform(0.5, 1.0, 40).tolist()), time_limit_s=20.0)


def test_a_time_limit_ends_with_the_plan_so_far() -> None:
    """When time is over before the optimum is proved, the best plan found is returned, with a bound that holds."""
    fleet = drawn_fleet(9, 30, cuts=10, edge_points=4, server_points=6, radio=False)
    hurried, proved = FleetPlanner(Ticking()).plan(fleet, time_limit_s=2.0), solve_fleet(fleet)
    check_plan(fleet, hurried)
    assert hurried.lower_bound_w is not None
    assert hurried.gap is not None
    assert proved.power_w is not None
    assert proved.gap is not None
    assert hurried.lower_bound_w <= proved.power_w
    assert proved.gap <= PROVED < hurried.gap


def test_two_edges_of_one_problem_are_two_edges() -> None:
    """Edges may share one problem object; each gets a plan and a share of its own."""
    problem = drawn_fleet(10, 1, cuts=6, edge_points=3, server_points=3).edges[0].problem
    fleet = Fleet(
        edges=tuple(FleetEdge(name=name, problem=problem) for name in ("left", "right")),
        shared=Shared(uplink_bps=0.5 * problem.link.uplink_bps),
    )
    plan = solve_fleet(fleet)
    check_plan(fleet, plan)
    assert [edge.name for edge in plan.edges] == ["left", "right"]
    check_against_oracle(fleet, plan)


def test_bits_once_in_an_age_are_planned() -> None:
    """A rate so low that its least share of the uplink is no number any more: a plan, as at every other rate."""
    problem = drawn_fleet(10, 1, cuts=6, edge_points=3, server_points=3).edges[0].problem
    rare = replace(without_local(problem), slo=Slo(rate_hz=1e-300), link=replace(problem.link, uplink_bps=1e-30))
    short = replace(
        rare,
        cuts=tuple(
            replace(cut, wires=tuple(replace(wire, uplink_bytes=1e-30 * wire.uplink_bytes) for wire in cut.wires))
            for cut in rare.cuts
        ),
    )
    plan = solve_fleet(Fleet(edges=(FleetEdge(name="rare", problem=short),), shared=Shared()))
    assert plan.status == OPTIMAL
    (served,) = plan.edges
    assert served.uplink_bps > 0.0
