"""Pool plans against the contract read aloud: right, complete, honest about their gap, and the same when warm."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Fleet
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.pool_plans import PoolPlan, ServerState
from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, Route, pool_of
from joulecut_core.problems import Problem, Slo
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.pool import PoolPlanner, solve_pool
from tests.planner.fleet.drawn_fleets import drawn_fleet
from tests.planner.fleet.fleet_strategies import fleets
from tests.planner.fleet.halves import halves_fleet
from tests.planner.fleet.test_planner import Ticking
from tests.planner.pool.drawn_pools import drawn_pool
from tests.planner.pool.pool_oracle import best, check_plan
from tests.planner.pool.pool_strategies import pools
from tests.thoroughness import THOROUGH, examples

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]
TOLERANCE = 1e-9
PROVED = 2e-7
"""The gap that few placements are solved to, with a margin."""


def check_against_oracle(pool: Pool, plan: PoolPlan) -> None:
    """Status, rejected edges, feasibility, power and bound of `plan` are those of exhaustive search."""
    strict, lenient = best(pool, 0.0), best(pool, TOLERANCE)
    names = frozenset(edge.name for edge in plan.rejected)
    assert lenient.rejected <= names <= strict.rejected
    if plan.status == INFEASIBLE:
        assert not plan.edges
        assert not plan.servers
        assert math.isinf(strict.power_w)
        return
    assert plan.status == OPTIMAL
    check_plan(pool, plan)
    assert plan.power_w is not None
    assert plan.lower_bound_w is not None
    assert plan.gap is not None
    if names == lenient.rejected:
        assert plan.lower_bound_w <= lenient.power_w + 1e-12
    if names == strict.rejected:
        assert plan.power_w <= strict.power_w * (1 + PROVED) + 1e-9
    assert plan.gap <= PROVED


def power_w(plan: PoolPlan) -> float:
    """What a feasible plan draws."""
    assert plan.power_w is not None
    return plan.power_w


@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(pool=pools())
def test_equals_exhaustive_search(pool: Pool) -> None:
    """On small pools of every kind: the least power, a bound never above it, the rejected edges, and no false "no"."""
    check_against_oracle(pool, solve_pool(pool))


@pytest.mark.parametrize("seed", range(8 if THOROUGH else 5))
def test_equals_exhaustive_search_where_everything_is_short(seed: int) -> None:
    """Realistic edges that fight for two small servers and one uplink, half of them unable to stay local."""
    drawn = drawn_pool(seed, 3, 2, cuts=4, edge_points=2, server_points=2, radio=bool(seed % 2), wanted=6.0)
    edges = tuple(_without_local(edge) if number % 2 else edge for number, edge in enumerate(drawn.edges))
    servers = tuple(replace(server, server_utilisation=0.02 + 0.01 * seed) for server in drawn.servers)
    pool = replace(drawn, edges=edges, servers=servers)
    check_against_oracle(pool, solve_pool(pool))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(fleet=fleets())
def test_a_fleet_of_version_1_keeps_its_optimum(fleet: Fleet) -> None:
    """Translated to one server it has the same status, rejected edges, reasons and least power."""
    first, second = solve_fleet(fleet), solve_fleet(pool_of(fleet))
    assert (first.status, first.rejected) == (second.status, second.rejected)
    if first.power_w is not None and second.power_w is not None:
        assert math.isclose(first.power_w, second.power_w, rel_tol=PROVED, abs_tol=1e-9)


def test_a_large_fleet_of_version_1_agrees_within_its_gap() -> None:
    """Beyond what is proved to the end, either version's bound holds for the other's plan."""
    fleet = drawn_fleet(3, 80, cuts=10, edge_points=4, server_points=6)
    first, second = solve_fleet(fleet), solve_fleet(pool_of(fleet))
    assert first.lower_bound_w is not None
    assert second.lower_bound_w is not None
    assert first.lower_bound_w <= power_w(second)
    assert first.power_w is not None
    assert second.lower_bound_w <= first.power_w
    assert power_w(second) <= first.power_w * (1 + 1e-3)


def test_a_hundred_edges_on_four_servers_are_within_a_per_cent() -> None:
    """Two kinds, four servers: feasible when recomputed, and a proved gap of a per mille or less."""
    pool = drawn_pool(2, 100, 4, cuts=8, server_points=4)
    plan = solve_pool(pool)
    check_plan(pool, plan)
    assert plan.gap is not None
    assert plan.gap <= 2e-3


def test_servers_nobody_needs_are_parked() -> None:
    """Where two of four servers are enough the others are parked, at what parking draws."""
    plan = solve_pool(drawn_pool(3, 12, 4, cuts=6, edge_points=3, server_points=3, wanted=0.5))
    states = [server.state for server in plan.servers]
    assert ServerState.PARKED in states
    assert ServerState.SERVING in states
    assert all(server.counted_idle_w == 8.0 for server in plan.servers if server.state is ServerState.PARKED)


def test_a_server_that_may_not_park_idles_at_its_cheapest_point() -> None:
    """Without an edge it stands at the point of the least idle draw, which counts."""
    drawn = drawn_pool(3, 2, 1)
    never = replace(drawn, servers=(replace(drawn.servers[0], may_park=False, server_utilisation=0.0),))
    plan = solve_pool(never)
    idles = [point.idle_w for point in drawn.edges[0].problems[0].problem.server.points]
    (server,) = plan.servers
    assert (server.state, server.server_point) == (ServerState.IDLE, idles.index(min(idles)))
    assert server.power_w == server.counted_idle_w == min(idles)


def test_a_server_of_an_unknown_kind_is_parked() -> None:
    """Nobody has tables for it: it costs what it was said to cost, and no plan touches it."""
    drawn = drawn_pool(3, 2, 1)
    strange = PoolServer(name="strange", kind="other", server_idle_w_counts=True, parked_w=12.5)
    with_it = replace(drawn, servers=(*drawn.servers, strange))
    assert power_w(solve_pool(with_it)) == pytest.approx(power_w(solve_pool(drawn)) + 12.5, rel=PROVED)


@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_another_server_that_parks_for_nothing_never_costs(seed: int) -> None:
    """A server more is a choice more; on crowded pools it saves."""
    pool = drawn_pool(seed, 8, 2, wanted=3.0, cuts=6, parked_w=0.0)
    more = replace(pool, servers=(*pool.servers, replace(pool.servers[0], name="spare")))
    assert power_w(solve_pool(more)) <= power_w(solve_pool(pool)) * (1 + PROVED)


def test_another_server_saves_where_servers_are_short() -> None:
    """A second server takes what the first one has no time for: less energy, more edges offloaded, as planned."""
    drawn = drawn_pool(5, 6, 1, kinds=1, wanted=40.0, cuts=6, parked_w=None, server_utilisation=0.02)
    one = replace(drawn, servers=(replace(drawn.servers[0], server_idle_w_counts=False),))
    two = replace(one, servers=(*one.servers, replace(one.servers[0], name="second")))
    before, after = solve_pool(one), solve_pool(two)
    assert power_w(after) < 0.99 * power_w(before)
    assert sum(edge.server is not None for edge in after.edges) > sum(edge.server is not None for edge in before.edges)


def test_looser_never_costs_more() -> None:
    """More of a server's time, more uplink, more servers to choose from."""
    drawn = drawn_pool(7, 6, 2, cuts=6, wanted=3.0)
    tight = replace(
        drawn,
        servers=tuple(replace(server, server_utilisation=0.2) for server in drawn.servers),
        edges=tuple(replace(edge, routes=(Route(server="gpu1"),)) for edge in drawn.edges),
        uplinks=tuple(replace(uplink, uplink_bps=4e6) for uplink in drawn.uplinks),
    )
    most_w = power_w(solve_pool(tight)) * (1 + PROVED)
    assert power_w(solve_pool(replace(tight, servers=drawn.servers))) <= most_w
    assert power_w(solve_pool(replace(tight, uplinks=drawn.uplinks))) <= most_w
    assert power_w(solve_pool(replace(tight, edges=drawn.edges))) <= most_w


def test_a_longer_way_is_avoided() -> None:
    """Of two servers alike the edge is placed on the one whose round trip keeps its deadline."""
    drawn = drawn_pool(3, 1, 2, kinds=1, wanted=1.0, cuts=6, uplinks=0)
    first = _without_local(drawn.edges[0])
    routes = (Route(server="gpu0", rtt_s=0.5), Route(server="gpu1"))
    plan = solve_pool(replace(drawn, edges=(replace(first, routes=routes),)))
    assert [edge.server for edge in plan.edges] == ["gpu1"]
    far = solve_pool(replace(drawn, edges=(replace(first, routes=routes[:1]),)))
    assert [edge.name for edge in far.rejected] == ["edge0"]


def test_a_draining_server_gets_nobody() -> None:
    """`may_serve: false` leaves the edges to the others."""
    drawn = drawn_pool(3, 6, 2, kinds=1, wanted=1.0, cuts=6)
    drained = replace(drawn, servers=(replace(drawn.servers[0], may_serve=False), drawn.servers[1]))
    plan = solve_pool(drained)
    assert {edge.server for edge in plan.edges} <= {None, "gpu1"}
    assert plan.servers[0].state is ServerState.PARKED


@pytest.mark.parametrize("count", [4, 6])
def test_infeasible_together_is_proved(count: int) -> None:
    """Sizes that cannot be divided between uplink and server in halves are refused after a proof."""
    assert solve_pool(pool_of(halves_fleet([1.0] * (count - 1) + [0.9]))).status == INFEASIBLE


def test_two_bins_that_cannot_hold_three_items() -> None:
    """Three edges of 0.6 of a server each do not fit on two servers, though 1.8 is less than 2: proved, not guessed."""
    fleet = halves_fleet([1.0, 1.0, 1.0])
    edges = tuple(
        PoolEdge(name=edge.name, problems=(KindProblem(kind="k", problem=edge.problem),)) for edge in fleet.edges
    )
    server_only = tuple(
        replace(edge, problems=(replace(edge.problems[0], problem=_computing(edge.problems[0].problem)),))
        for edge in edges
    )
    servers = tuple(PoolServer(name=f"bin{m}", kind="k", server_utilisation=0.8) for m in range(2))
    assert solve_pool(Pool(servers=servers, edges=server_only)).status == INFEASIBLE
    third = (*servers, replace(servers[0], name="bin2"))
    assert solve_pool(Pool(servers=third, edges=server_only)).status == OPTIMAL


def test_a_stopped_proof_claims_nothing() -> None:
    """Without a plan and without a proof there is an error and not "infeasible"."""
    sizes = [0.5 + 0.5 * math.sin(n) ** 2 for n in range(60)]
    with pytest.raises(PlanError, match="neither a plan found nor a proof"):
        solve_pool(pool_of(halves_fleet(sizes)), time_limit_s=0.0)


def test_a_time_limit_holds_while_offers_are_made() -> None:
    """Few edges ask for many lists of offers where every server differs: time that is over ends that, too."""
    pool, clock = drawn_pool(3, 5, 4, cuts=4), Ticking()
    first = pool.servers[0]
    servers = tuple(replace(first, name=f"server{n}", server_wait_s=1e-6 * n) for n in range(300))
    with pytest.raises(PlanError, match="time_limit_s was over with 20 lists of offers made"):
        PoolPlanner(clock).plan(replace(pool, servers=servers), time_limit_s=21.0)
    assert clock.now_s() < 30.0


@pytest.mark.parametrize("looks", [0, 1, 2, 5])
def test_a_time_limit_ends_with_the_plan_so_far(looks: int) -> None:
    """When time is over before the optimum is proved, the best plan found is returned, with a bound that holds."""
    pool = drawn_pool(9, 6, 3, cuts=5)
    pool = replace(pool, servers=tuple(replace(server, server_utilisation=0.1) for server in pool.servers))
    lists = 6 * 3
    hurried, proved = PoolPlanner(Ticking()).plan(pool, time_limit_s=lists + 1.0 + looks), solve_pool(pool)
    check_plan(pool, hurried)
    assert hurried.lower_bound_w is not None
    assert hurried.lower_bound_w <= power_w(proved) <= power_w(hurried) * (1.0 + 1e-9)


def test_all_rejected_is_an_answer() -> None:
    """Nobody can be served: an optimum of parked servers, each edge with a reason for each kind of server."""
    drawn = drawn_pool(6, 2, 2, cuts=4)
    hopeless = tuple(
        replace(
            edge,
            problems=tuple(
                replace(one, problem=replace(one.problem, slo=Slo(latency_s=1e-4, rate_hz=5.0)))
                for one in edge.problems
            ),
        )
        for edge in drawn.edges
    )
    plan = solve_pool(replace(drawn, edges=hopeless))
    assert (plan.status, plan.edges, plan.gap, plan.power_w) == (OPTIMAL, (), 0.0, 16.0)
    assert all("slo.latency_s 0.0001 s" in edge.reason for edge in plan.rejected)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(pool=pools(), data=st.data())
def test_warm_equals_cold(pool: Pool, data: st.DataObject) -> None:
    """After edges leave and servers die a planner with a memory answers what one without it answers."""
    planner = PoolPlanner()
    planner.plan(pool)
    for _ in range(2):
        edges = data.draw(st.lists(st.sampled_from(pool.edges), min_size=1, unique_by=lambda edge: edge.name))
        dead = data.draw(st.sampled_from(pool.servers)).name
        servers = tuple(
            replace(server, may_serve=False, may_park=True) if server.name == dead else server
            for server in pool.servers
        )
        now = (
            replace(pool, edges=tuple(edges), servers=servers)
            if _parks(pool, edges)
            else replace(pool, servers=servers)
        )
        warm, cold = planner.plan(now), solve_pool(now)
        assert (warm.status, warm.rejected) == (cold.status, cold.rejected)
        if cold.power_w is not None and warm.power_w is not None:
            check_plan(now, warm)
            assert math.isclose(warm.power_w, cold.power_w, rel_tol=PROVED, abs_tol=1e-9)


def test_a_dead_server_moves_its_edges_and_few_others() -> None:
    """In a large pool the plans of most edges on other servers are the very same objects, and the bound is proved."""
    pool = drawn_pool(4, 80, 4, kinds=1, wanted=0.8)
    planner = PoolPlanner()
    before = {edge.name: edge for edge in planner.plan(pool).edges}
    dead = next(edge.server for edge in before.values() if edge.server is not None)
    now = replace(pool, servers=tuple(server for server in pool.servers if server.name != dead))
    after = planner.plan(now)
    check_plan(now, after)
    assert after.gap is not None
    assert after.gap <= 5e-3
    elsewhere = [edge for edge in after.edges if before[edge.name].server != dead]
    assert sum(edge is before[edge.name] for edge in elsewhere) >= 0.6 * len(elsewhere)
    cold = solve_pool(now)
    assert cold.lower_bound_w is not None
    assert cold.lower_bound_w <= power_w(after)
    assert power_w(after) <= power_w(cold) * (1 + 5e-3)


def _without_local(edge: PoolEdge) -> PoolEdge:
    """The edge with its last cut forbidden on every kind of server."""
    return replace(
        edge,
        problems=tuple(
            replace(
                one,
                problem=replace(
                    one.problem, cuts=(*one.problem.cuts[:-1], replace(one.problem.cuts[-1], allowed=False))
                ),
            )
            for one in edge.problems
        ),
    )


def _computing(problem: Problem) -> Problem:
    """A problem of `halves` that has to compute on the server."""
    return replace(problem, cuts=tuple(replace(cut, allowed=cut.name == "compute") for cut in problem.cuts))


def _parks(pool: Pool, edges: list[PoolEdge]) -> bool:
    """Whether every kind of server is still known by some edge."""
    kinds = {one.kind for edge in edges for one in edge.problems}
    return all(server.kind in kinds for server in pool.servers)
