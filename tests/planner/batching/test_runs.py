"""What a batch means in seconds and joules: the planning contract where it is one request, and by hand where not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings

from joulecut_core.plans import OPTIMAL
from joulecut_planner.batching import BatchingProblem
from joulecut_planner.batching.runs import Member, Run, at_home, timed, timed_schedule, window_end_s
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.exact.solver import solve
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem
from tests.thoroughness import examples


def run(*edges: int, cut: int = 1, size: int = 1, point: int = 0) -> Run:
    """A batch of these edges in their only option."""
    members = tuple(Member(edge=edge, wire=0, edge_point=0) for edge in edges)
    return Run(cut=cut, server_point=point, size=size, members=members)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=batching_problems(max_edges=1))
def test_a_batch_of_one_on_an_idle_server_is_the_contracts_choice(problem: BatchingProblem) -> None:
    """Alone there is nothing to wait for: T and J are those of the planning contract."""
    alone, own = run(0, cut=0, size=0), problem.edges[0].problem
    placed = timed(problem, problem.tables(), alone, 0.0)
    assume(placed is not None)
    assert placed is not None
    expected = price(own, Choice(cut=0, wire=0, variant=0, edge_point=0, server_point=0))
    assert placed.prices[0].latency_s == pytest.approx(expected.latency_s, rel=1e-12)
    assert placed.prices[0].energy_j == pytest.approx(expected.energy_j, rel=1e-12, abs=1e-15)


def test_members_wait_for_the_last_and_share_the_server() -> None:
    """By hand: ready at 22 and 52 ms, 6 ms of tail, an edge waits 30 ms at 1 W and each pays half of 0.6 J."""
    problem = batching_problem([edge_problem(), edge_problem()], arrivals_s=[0.0, 0.03])
    placed = timed(problem, problem.tables(), run(0, 1), 0.0)
    assert placed is not None
    assert placed.ready_s == pytest.approx((0.022, 0.052))
    assert (placed.start_s, placed.end_s) == pytest.approx((0.052, 0.058))
    assert [cost.latency_s for cost in placed.prices] == pytest.approx([0.059, 0.029])
    # 20 ms at 5 W, the rest of the way to the answer at 1 W, 100 W for 6 ms shared by two.
    assert [cost.energy_j for cost in placed.prices] == pytest.approx([0.1 + 0.039 + 0.3, 0.1 + 0.009 + 0.3])


def test_a_batch_waits_for_the_one_before() -> None:
    """The server runs one batch at a time, in the given order."""
    problem = batching_problem([edge_problem()] * 2)
    schedule = timed_schedule(problem, [run(0, size=0), run(1, size=0)])
    assert schedule is not None
    assert [each.start_s for each in schedule] == pytest.approx([0.022, 0.026])
    assert schedule[1].prices[0].latency_s == pytest.approx(schedule[0].prices[0].latency_s + 0.004)


def test_what_breaks_a_constraint_is_no_run() -> None:
    """A late answer, too many members for the tables, a forbidden cut, a batch beyond the period."""
    tight = batching_problem([edge_problem(latency_s=0.0285)] * 2)
    assert timed(tight, tight.tables(), run(0, size=0), 0.0) is not None
    assert timed(tight, tight.tables(), run(0, 1), 0.0) is None
    assert timed(tight, tight.tables(), run(0, size=0), 0.03) is None
    assert timed_schedule(tight, [run(0, size=0), run(1, size=0)]) is None
    assert timed(batching_problem([edge_problem()] * 2), tight.tables(), run(0, 1, size=0), 0.0) is None
    own = edge_problem()
    forbidden = replace(own, cuts=(own.cuts[0], replace(own.cuts[1], allowed=False), own.cuts[2]))
    assert timed(batching_problem([forbidden]), tight.tables(), run(0, size=0), 0.0) is None
    periodic = batching_problem([edge_problem(rate_hz=25.0)] * 2, arrivals_s=[0.0, 0.02])
    assert window_end_s(periodic) == pytest.approx(0.04)
    assert timed(periodic, periodic.tables(), run(0, size=0), 0.0) is not None
    assert timed(periodic, periodic.tables(), run(1, size=0), 0.0) is None


def test_with_a_period_waiting_costs_nothing_more() -> None:
    """One request answers for its whole period, however early its answer comes."""
    problem = batching_problem([edge_problem(rate_hz=5.0)])
    early, late = (timed(problem, problem.tables(), run(0, size=0), free_s) for free_s in (0.0, 0.05))
    assert early is not None
    assert late is not None
    assert late.prices[0].latency_s > early.prices[0].latency_s + 0.02
    assert late.prices[0].energy_j == pytest.approx(early.prices[0].energy_j)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(problem=batching_problems(max_edges=1))
def test_home_is_the_local_plan(problem: BatchingProblem) -> None:
    """An edge that stays home does what the planner plans for an edge without a server."""
    own = problem.edges[0].problem
    unsplit = (*(replace(cut, allowed=False) for cut in own.cuts[:-1]), own.cuts[-1])
    home, plan = at_home(own), solve(replace(own, cuts=unsplit))
    assert (home is not None) == (plan.status == OPTIMAL)
    if home is not None:
        assert home[1].energy_j == pytest.approx(plan.energy_j, rel=1e-9)
