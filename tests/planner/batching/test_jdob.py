"""J-DOB as a baseline: what its sources fix about it holds for every plan it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.problems import Edge, EdgePoint, Problem, SideTables
from joulecut_planner.batching import BatchingProblem, BatchingStatus, all_local, j_dob
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import examples


def test_identical_users_are_one_batch_at_one_cut() -> None:
    """By hand: three alike, one group; heads of 20 ms, ready at 22, half-clock tail of 6 ms within 100 ms."""
    plan = j_dob(batching_problem([edge_problem()] * 3))
    (batch,) = plan.batches
    assert (batch.cut_name, batch.batch, batch.members) == ("middle", 4, ("edge0", "edge1", "edge2"))
    assert (batch.start_s, batch.end_s) == pytest.approx((0.022, 0.028))
    assert plan.energy_j == pytest.approx(3 * (0.1 + 0.009) + 0.6)


def test_a_straggler_is_left_at_home() -> None:
    """An edge on a link too slow for the group's deadline computes by itself; the others go on without it."""
    slow = edge_problem(latency_s=0.045, uplink_bps=2e5)
    plan = j_dob(batching_problem([edge_problem(latency_s=0.045), slow, edge_problem(latency_s=0.045)]))
    assert [edge.cut_name for edge in plan.edges] == ["middle", "output", "middle"]


def test_a_batch_is_planned_to_end_at_its_groups_earliest_deadline() -> None:
    """Both slow down as far as the more urgent one's deadline allows, and share one batch; later would lose it."""
    urgent, later = (_slower_is_cheaper(edge_problem(latency_s=latency_s, rate_hz=5.0)) for latency_s in (0.05, 0.09))
    plan = j_dob(batching_problem([urgent, later]))
    assert [batch.members for batch in plan.batches] == [("edge0", "edge1")]
    assert [edge.edge_point for edge in plan.edges] == [1, 1]


def _slower_is_cheaper(problem: Problem) -> Problem:
    """The same edge with a second clock: 30 ms of head at 2 W in place of 20 ms at 5 W."""
    (variant,) = problem.variants
    points = tuple(EdgePoint(core_mhz=mhz, memory_mhz=None, wait_w=1.0) for mhz in (600.0, 300.0))
    heads = SideTables(time_s=((0.0, 0.0), (0.02, 0.03), (0.04, 0.06)), busy_w=((0.0, 0.0), (5.0, 2.0), (20.0, 20.0)))
    return replace(problem, edge=Edge(points=points), variants=(replace(variant, edge=heads),))


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=batching_problems(min_edges=2, max_edges=6))
def test_groups_follow_deadlines_and_never_cost_more_than_home(problem: BatchingProblem) -> None:
    """No member of a later batch is more urgent than one of an earlier batch; staying home is always open to it."""
    plan, home = j_dob(problem), all_local(problem)
    if plan.status is BatchingStatus.INFEASIBLE:
        return
    due = {edge.name: edge.arrival_s + (edge.problem.slo.latency_s or float("inf")) for edge in problem.edges}
    latest_of_before = 0.0
    for batch in plan.batches:
        assert min(due[name] for name in batch.members) >= latest_of_before
        latest_of_before = max(due[name] for name in batch.members)
    if home.energy_j is not None and plan.energy_j is not None:
        assert plan.energy_j <= home.energy_j * (1 + 1e-9)
