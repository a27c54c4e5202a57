"""One registry, one interface: each policy does what its name says."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from joulecut_planner.batching import (
    POLICIES,
    BatchingPolicyName,
    BatchingProblem,
    BatchingStatus,
    all_local,
    no_batching,
    solve_batching,
)
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import examples


def test_every_policy_is_registered_under_its_name() -> None:
    """Whoever compares policies finds all of them, and each plan says whose it is."""
    problem = batching_problem([edge_problem()] * 2)
    assert set(POLICIES) == set(BatchingPolicyName)
    assert [policy(problem).policy for policy in POLICIES.values()] == [name.value for name in POLICIES]


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=batching_problems(max_edges=5))
def test_no_batching_serves_one_at_a_time_and_all_local_none(problem: BatchingProblem) -> None:
    """Without batches every batch has one member in the tables of batch 1; at home there is no server at all."""
    single, home = no_batching(problem), all_local(problem)
    assert all(batch.batch == len(batch.members) == 1 for batch in single.batches)
    assert home.batches == ()
    assert all(edge.run is None and edge.server_energy_j == 0 for edge in home.edges)


def test_batching_pays_where_the_server_is_shared() -> None:
    """By hand: at 5 W and 20 ms of head, a batch of three costs less than three tails, and those less than home."""
    problem = batching_problem([edge_problem()] * 3)
    plans = [policy(problem) for policy in (solve_batching, no_batching, all_local)]
    assert [plan.status for plan in plans[:2]] == [BatchingStatus.OPTIMAL] * 2
    together_j, alone_j, home_j = (plan.energy_j or 0.0 for plan in plans)
    assert 0.0 < together_j < alone_j < home_j


def test_all_local_is_infeasible_where_an_edge_needs_the_server() -> None:
    """A deadline below the edge's own time leaves a plan with the server and none without."""
    problem = batching_problem([edge_problem(latency_s=0.03)])
    assert all_local(problem).status is BatchingStatus.INFEASIBLE
    assert all_local(problem).energy_j is None
    assert solve_batching(problem).status is BatchingStatus.OPTIMAL
