"""The batching plan is the optimum for few edges, never beaten for many, and its bound is honest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ProblemError
from joulecut_planner.batching import BatchingPlan, BatchingProblem, BatchingStatus, ServerClock, solve_batching
from joulecut_planner.batching.bounds import floors
from joulecut_planner.batching.options import case_of
from joulecut_planner.batching.oracle import least_energy_j
from joulecut_planner.batching.orders import best_in_order
from joulecut_planner.batching.policies import POLICIES, BatchingPolicyName
from joulecut_planner.batching.solver import _orders
from joulecut_planner.batching.subsets import EXACT_EDGES
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import THOROUGH, examples

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def without_rejected(problem: BatchingProblem, rejected: set[str]) -> BatchingProblem | None:
    """The problem of the edges that can be served at all."""
    kept = tuple(edge for edge in problem.edges if edge.name not in rejected)
    return replace(problem, edges=kept) if kept else None


@settings(max_examples=80 if THOROUGH else 12, deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(max_edges=3))
def test_few_edges_are_solved_exactly(problem: BatchingProblem) -> None:
    """Up to the exact search's size the plan costs what the cheapest of all schedules costs."""
    plan = solve_batching(problem)
    served = without_rejected(problem, {edge.name for edge in plan.rejected})
    least_j = 0.0 if served is None else least_energy_j(served)
    if plan.status is BatchingStatus.INFEASIBLE:
        assert np.isinf(least_j)
    else:
        assert plan.energy_j == pytest.approx(least_j, rel=1e-9, abs=1e-15)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(min_edges=3, max_edges=9))
def test_no_policy_beats_the_joint_plan(problem: BatchingProblem) -> None:
    """Where another policy keeps every deadline the joint plan does too, for no more; none is below its bound."""
    joint = POLICIES[BatchingPolicyName.JOINT_BATCHING](problem)
    for name, policy in POLICIES.items():
        other = policy(problem)
        assert other.policy == name.value
        if other.energy_j is None:
            continue
        assert joint.energy_j is not None
        assert joint.lower_bound_j is not None
        assert joint.energy_j <= other.energy_j * (1 + 1e-9)
        assert joint.lower_bound_j <= other.energy_j * (1 + 1e-9)


@settings(max_examples=12 if THOROUGH else 4, deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(min_edges=4, max_edges=4, max_points=1))
def test_four_edges_are_solved_exactly(problem: BatchingProblem) -> None:
    """Two batches of two, or any other split of four, are found where they are best."""
    plan = solve_batching(problem)
    served = without_rejected(problem, {edge.name for edge in plan.rejected})
    least_j = 0.0 if served is None else least_energy_j(served)
    assert (np.inf if plan.energy_j is None else plan.energy_j) == pytest.approx(least_j, rel=1e-9, abs=1e-15)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(max_edges=9))
def test_a_plan_keeps_what_it_says(problem: BatchingProblem) -> None:
    """Every printed number holds when recomputed from the printed choice, and every edge is in it once."""
    plan = solve_batching(problem)
    if plan.energy_j is None:
        return
    names = [edge.name for edge in plan.edges] + [edge.name for edge in plan.rejected]
    assert sorted(names) == sorted(edge.name for edge in problem.edges)
    assert plan.energy_j == pytest.approx(sum(edge.energy_j for edge in plan.edges))
    batches_keep_the_server(problem, plan)
    edges_keep_their_bounds(problem, plan)


def batches_keep_the_server(problem: BatchingProblem, plan: BatchingPlan) -> None:
    """One batch at a time, within the period, as long as the tables say, at one clock if one is shared."""
    tables = {each.batch: each for each in problem.tables()}
    free_s = 0.0
    for batch in plan.batches:
        assert batch.start_s >= free_s
        free_s = batch.end_s
        time_s = tables[batch.batch].time_s[batch.cut][batch.server_point]
        assert batch.end_s - batch.start_s == pytest.approx(time_s)
        assert batch.energy_j == pytest.approx(tables[batch.batch].busy_w[batch.cut][batch.server_point] * time_s)
        assert 1 <= len(batch.members) <= batch.batch
    if problem.period_s is not None and plan.batches:
        kept = {edge.name for edge in plan.edges}
        assert free_s <= min(edge.arrival_s for edge in problem.edges if edge.name in kept) + problem.period_s * (
            1 + 1e-9
        )
    if problem.server_clock is ServerClock.SHARED:
        assert len({batch.server_point for batch in plan.batches}) <= 1


def edges_keep_their_bounds(problem: BatchingProblem, plan: BatchingPlan) -> None:
    """Deadlines, order of stages, and latency as the sum of its parts and the wait."""
    own = {edge.name: edge for edge in problem.edges}
    for edge in plan.edges:
        asked, seconds = own[edge.name], edge.breakdown
        if asked.problem.slo.latency_s is not None:
            assert edge.latency_s <= asked.problem.slo.latency_s * (1 + 1e-9)
        stages = (seconds.t_edge, seconds.encode_s, seconds.t_up, seconds.rtt_s, seconds.decode_s, seconds.t_server)
        assert edge.latency_s == pytest.approx(sum(stages) + seconds.t_down + edge.wait_s)
        if edge.run is None:
            assert (edge.cut, edge.wait_s, edge.ready_s) == (problem.last_cut, 0.0, None)
            continue
        batch = plan.batches[edge.run]
        assert edge.name in batch.members
        assert edge.cut == batch.cut
        assert edge.ready_s is not None
        assert edge.ready_s <= batch.start_s
        back_s = asked.problem.link.rtt_s / 2 + seconds.t_down
        assert asked.arrival_s + edge.latency_s == pytest.approx(batch.end_s + back_s)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=SLOW)
@given(problem=batching_problems(max_edges=4), looser=st.floats(1.0, 3.0))
def test_more_freedom_never_costs_more(problem: BatchingProblem, looser: float) -> None:
    """Looser deadlines, larger batches on offer and a clock per batch can only help, and everybody admitted stays."""
    plan = solve_batching(replace(problem, server_clock=ServerClock.SHARED))
    if plan.energy_j is None or plan.rejected:
        return
    relaxed = tuple(
        replace(edge, problem=replace(edge.problem, slo=replace(edge.problem.slo, latency_s=edge_s * looser)))
        if (edge_s := edge.problem.slo.latency_s) is not None
        else edge
        for edge in problem.edges
    )
    freer = [replace(problem, server_clock=ServerClock.PER_BATCH)]
    freer.append(replace(problem, edges=relaxed, server_clock=ServerClock.SHARED))
    for other in map(solve_batching, freer):
        assert other.energy_j is not None
        assert other.energy_j <= plan.energy_j * (1 + 1e-9) + 1e-15
    fewer = solve_batching(replace(problem, batches=problem.batches[:1], server_clock=ServerClock.SHARED))
    # Somebody who finds no room without the larger batches takes his joules with him.
    assert fewer.energy_j is None or fewer.rejected or fewer.energy_j >= plan.energy_j * (1 - 1e-9) - 1e-15


def test_who_cannot_be_served_alone_is_rejected_with_the_reason() -> None:
    """One impossible edge does not take the others' plan away."""
    hopeless = edge_problem(latency_s=0.001)
    late = edge_problem(rate_hz=22.0, latency_s=0.035)
    plan = solve_batching(batching_problem([edge_problem(), hopeless, edge_problem()]))
    assert [(edge.name, edge.reason) for edge in plan.rejected] == [
        ("edge1", "no choice keeps its latency bound, even alone")
    ]
    assert [edge.name for edge in plan.edges] == ["edge0", "edge2"]
    plan = solve_batching(batching_problem([late, late], arrivals_s=[0.0, 0.034]))
    assert [edge.reason for edge in plan.rejected] == ["arrives too late to be served within the period"]
    nobody = solve_batching(batching_problem([hopeless]))
    assert (nobody.status, nobody.edges, nobody.energy_j) == (BatchingStatus.OPTIMAL, (), 0.0)


def test_edges_that_fit_alone_may_not_fit_together() -> None:
    """Where only the server is fast enough and it has time for one, there is no plan for two."""
    tight = edge_problem(latency_s=0.0165)
    problem = replace(batching_problem([tight, tight]), batches=())
    assert solve_batching(replace(problem, edges=problem.edges[:1])).energy_j is not None
    plan = solve_batching(problem)
    assert (plan.status, plan.edges, plan.energy_j, plan.gap) == (BatchingStatus.INFEASIBLE, (), None, None)


def test_many_edges_carry_a_bound() -> None:
    """Above the exact search's size a plan is optimal only where its bound says so, and the gap is what it says."""
    problems = [edge_problem(latency_s=0.028 + 0.004 * index) for index in range(EXACT_EDGES + 4)]
    plan = solve_batching(batching_problem(problems))
    assert plan.energy_j is not None
    assert plan.lower_bound_j is not None
    assert plan.gap == pytest.approx(1 - plan.lower_bound_j / plan.energy_j)
    assert (plan.status is BatchingStatus.OPTIMAL) == (plan.energy_j - plan.lower_bound_j <= 1e-9 * plan.energy_j)
    assert max(len(batch.members) for batch in plan.batches) > 1


def interleaved(pairs: int) -> BatchingProblem:
    """Edges that may only send their input and edges that may only split, alternating by deadline and by readiness."""
    problems, arrivals_s = [], []
    for index in range(2 * pairs):
        splits = index % 2 == 1
        own = edge_problem(latency_s=0.037 if splits else 0.026, home_w=100.0)
        cuts = (replace(own.cuts[0], allowed=not splits), replace(own.cuts[1], allowed=splits), own.cuts[2])
        problems.append(replace(own, cuts=cuts))
        arrivals_s.append(0.001 * index + (0.0 if splits else 0.011))
    return batching_problem(problems, arrivals_s=arrivals_s)


def test_interleaved_batches_are_found_for_few_edges() -> None:
    """What no order of edges shows, the exact search does: by cut, two batches of two."""
    plan = solve_batching(interleaved(2))
    assert plan.energy_j is not None
    assert {batch.members for batch in plan.batches} == {("edge0", "edge2"), ("edge1", "edge3")}
    case, points = case_of(interleaved(2)), [plan.batches[0].server_point]
    for order in _orders(case):
        assert order == [0, 1, 2, 3]
        shown = best_in_order(case, points, order, floors(case, points), plan.energy_j * 1.01)
        assert shown is None
    assert plan.energy_j == pytest.approx(least_energy_j(interleaved(2)))


def test_full_batches_meet_the_bound() -> None:
    """Where everybody can be in a full batch and waiting costs nothing, many edges are proved optimal too."""
    problem = batching_problem([edge_problem(rate_hz=5.0)] * (EXACT_EDGES + 2), clock=ServerClock.SHARED)
    plan = solve_batching(problem)
    assert [len(batch.members) for batch in plan.batches] == [4, 4]
    assert plan.status is BatchingStatus.OPTIMAL
    assert plan.gap == pytest.approx(0.0, abs=1e-9)


def test_numbers_that_overflow_are_refused() -> None:
    """Joules beyond what a float holds are a mistake in the units, not an infeasible problem."""
    problem = batching_problem([edge_problem()])
    huge = tuple(tuple(1e200 for _ in row) for row in problem.batches[0].time_s[:-1])
    tables = replace(problem.batches[0], time_s=(*huge, (0.0, 0.0)), busy_w=((1e200, 1e200),) * 3)
    with pytest.raises(ProblemError, match=r"^batches: a batch's joules overflow"):
        solve_batching(replace(problem, batches=(tables,)))
