"""All baselines: one interface, one way of pricing, and none ever better than the exact plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.baselines import BASELINES, Baseline
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.pricing import price
from joulecut_planner.exact.solver import solve
from joulecut_planner.policies import Policy
from tests.planner.baselines.brute_force import PROPERTY
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems

EVERY = list(BASELINES.values())


@PROPERTY
@given(problem=problems())
def test_no_baseline_beats_the_exact_plan(problem: Problem) -> None:
    """Whatever keeps the service level costs at least the joint plan; a problem without a plan has none for anybody."""
    joint = solve(problem)
    for baseline in EVERY:
        plan = baseline.plan(problem)
        if plan.status == OPTIMAL:
            assert joint.status == OPTIMAL, baseline.name
            assert joint.energy_j is not None
            assert plan.energy_j is not None
            assert joint.energy_j <= plan.energy_j * (1.0 + 2e-9), baseline.name


@PROPERTY
@given(problem=problems())
def test_a_plan_is_the_choice_at_the_problem_s_own_price(problem: Problem) -> None:
    """No model of a baseline's own in its figures; what it breaks is named, nothing is repaired."""
    for baseline in EVERY:
        choice, plan = baseline.choose(problem), baseline.plan(problem)
        if choice is None:
            assert (plan.status, plan.cut, plan.binding) == (INFEASIBLE, None, ("accuracy",))
            continue
        cost = price(problem, choice)
        broken = violated(problem, cost)
        assert problem.cuts[choice.cut].allowed
        assert (plan.cut, plan.edge_point, plan.server_point) == (choice.cut, choice.edge_point, choice.server_point)
        assert (plan.energy_j, plan.latency_bound_s) == (cost.energy_j, cost.latency_bound_s)
        assert plan.status == (INFEASIBLE if broken else OPTIMAL)
        if broken:
            assert plan.binding == broken


@pytest.mark.parametrize("baseline", EVERY, ids=lambda baseline: baseline.name)
def test_nothing_on_offer_is_no_choice(baseline: Baseline) -> None:
    """With every cut forbidden a baseline says so instead of taking a forbidden one."""
    problem = drawn_problem(0, cuts=4, edge_points=3, server_points=3)
    closed = replace(problem, cuts=tuple(replace(cut, allowed=False) for cut in problem.cuts))
    assert baseline.choose(closed) is None
    assert baseline.plan(closed).energy_j is None


def test_names_and_sources() -> None:
    """Each is listed under its own name with a source; a policy that chooses points is the baseline of its name."""
    assert [baseline.name for baseline in EVERY] == list(BASELINES)
    assert all(baseline.source for baseline in EVERY)
    assert {policy.value for policy in Policy} - {"governor"} <= set(BASELINES)


def test_on_a_chain_dads_light_is_neurosurgeon() -> None:
    """The two papers part ways on graphs only; equal rows in a table are no mistake."""
    for seed in range(5):
        problem = drawn_problem(seed, cuts=20, edge_points=4, server_points=4)
        assert BASELINES["dads-light"].choose(problem) == BASELINES["neurosurgeon-latency"].choose(problem)
