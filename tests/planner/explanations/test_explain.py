"""Every figure of an explanation is what pricing all choices, or solving elsewhere, gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_core.problems import Problem, Slo
from joulecut_planner.choices.constraints import limit, violated
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.choices.selection import pick
from joulecut_planner.choices.variations import with_deadline, with_uplink
from joulecut_planner.exact.oracle import choices
from joulecut_planner.exact.solver import solve
from joulecut_planner.explanations.alternatives import Aspect
from joulecut_planner.explanations.explain import explain
from joulecut_planner.explanations.explanation import explanation_document
from joulecut_planner.problem_file import parse_problem
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def differs(aspect: Aspect, other: Choice, plan: Choice) -> bool:
    """Whether a choice is one that the aspect asks for."""
    rules: dict[Aspect, Callable[[], bool]] = {
        Aspect.CUT: lambda: other.cut != plan.cut,
        Aspect.CODEC: lambda: other.cut == plan.cut and other.wire != plan.wire,
        Aspect.EDGE_CLOCK: lambda: other != plan and replace(other, edge_point=plan.edge_point) == plan,
        Aspect.SERVER_CLOCK: lambda: other != plan and replace(other, server_point=plan.server_point) == plan,
        Aspect.VARIANT: lambda: other.variant != plan.variant,
    }
    return rules[aspect]()


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(max_points=3))
def test_alternatives_are_the_best_there_are(problem: Problem) -> None:
    """In each aspect the least J of all choices that differ so, and its difference; or none where none is feasible."""
    explanation = explain(problem)
    if explanation.plan.status == INFEASIBLE:
        assert explanation.alternatives == ()
        return
    chosen = choice_of(problem, explanation.plan)
    own = price(problem, chosen)
    assert [alternative.aspect for alternative in explanation.alternatives] == list(Aspect)
    for alternative in explanation.alternatives:
        others = [choice for choice in choices(problem) if differs(alternative.aspect, choice, chosen)]
        best, _ = pick(problem, others)
        if best is None or violated(problem, price(problem, best)):
            assert alternative.plan is None
            assert alternative.reason
            assert (alternative.energy_difference_j, alternative.latency_bound_difference_s) == (None, None)
            continue
        cost = price(problem, best)
        assert alternative.plan is not None
        assert (alternative.plan.energy_j, alternative.plan.latency_bound_s) == (cost.energy_j, cost.latency_bound_s)
        assert alternative.energy_difference_j == cost.energy_j - own.energy_j
        assert alternative.latency_bound_difference_s == cost.latency_bound_s - own.latency_bound_s


@settings(max_examples=examples(80), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems(max_points=3))
def test_the_price_of_a_deadline_is_what_moving_it_does(problem: Problem) -> None:
    """At the later step's T_q solving gives that step's J; just before it, and without a price, nothing is saved."""
    explanation = explain(problem)
    plan, price_of_deadline = explanation.plan, explanation.deadline_price
    deadline_s = problem.slo.latency_s
    if price_of_deadline.later is None:
        assert price_of_deadline.reason
        assert price_of_deadline.earlier is None
        if deadline_s is not None and plan.status == OPTIMAL:
            assert solve(with_deadline(problem, None)).energy_j == pytest.approx(plan.energy_j, rel=3e-9)
        return
    assert deadline_s is not None
    assert plan.energy_j is not None
    assert plan.latency_bound_s is not None
    later, earlier = price_of_deadline.later, price_of_deadline.earlier
    assert later.latency_bound_s > limit(deadline_s)
    assert solve(with_deadline(problem, later.latency_bound_s)).energy_j == pytest.approx(later.energy_j, rel=3e-9)
    just_before = later.latency_bound_s * (1.0 - 2e-9)
    if just_before > deadline_s:
        assert solve(with_deadline(problem, just_before)).energy_j == pytest.approx(plan.energy_j, rel=3e-9)
    milliseconds = 1e3 * (later.latency_bound_s - plan.latency_bound_s)
    assert later.price_j_per_ms == pytest.approx((plan.energy_j - later.energy_j) / milliseconds)
    if plan.latency_bound_s == 0.0:
        assert earlier is None
        return
    faster = solve(with_deadline(problem, plan.latency_bound_s * (1.0 - 3e-9)))
    if earlier is None:
        assert faster.status == INFEASIBLE
    elif faster.status == OPTIMAL:
        assert earlier.latency_bound_s < plan.latency_bound_s
        assert earlier.energy_j == pytest.approx(faster.energy_j, rel=3e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_decision_stays_in_its_range_and_changes_beyond(seed: int) -> None:
    """Inside the range solving gives the plan, just outside the rows that are named."""
    problem = drawn_problem(
        seed, cuts=10, edge_points=9, server_points=9, slo=Slo(latency_s=0.035, quantile=0.95, rate_hz=10.0)
    )
    explanation = explain(problem)
    uplink, plan = explanation.uplink, explanation.plan
    assert uplink.stays.from_bps <= problem.link.uplink_bps <= uplink.stays.to_bps
    assert (uplink.lowest_bps, uplink.highest_bps) == (problem.link.uplink_bps / 16, problem.link.uplink_bps * 16)

    def choice_at(uplink_bps: float) -> tuple[object, ...]:
        return choice_in(solve(with_uplink(problem, uplink_bps)))

    def choice_in(found: Plan) -> tuple[object, ...]:
        return (found.cut, found.codec, found.edge_point, found.server_point)

    assert choice_at(uplink.stays.from_bps * (1 + 1e-6)) == choice_in(plan)
    assert choice_at(uplink.stays.to_bps * (1 - 1e-6)) == choice_in(plan)
    for row, uplink_bps in ((uplink.slower, uplink.stays.from_bps), (uplink.faster, uplink.stays.to_bps)):
        if row is not None and row.status == OPTIMAL:
            assert uplink_bps in (row.from_bps, row.to_bps)
            outside = uplink_bps * (1 - 1e-6 if row is uplink.slower else 1 + 1e-6)
            assert choice_at(outside) == (row.cut, row.codec, row.edge_point, row.server_point) != choice_in(plan)
    for row in (uplink.slower_cut, uplink.faster_cut):
        assert row is None or (row.status, row.cut) != (plan.status, plan.cut)


def test_slacks_and_shares_add_up() -> None:
    """What is used and what is left make the bound, the slowest stage is named, shares of either kind make a whole."""
    explanation = explain(parse_problem(small_document()))
    plan = explanation.plan
    assert plan.breakdown is not None
    assert [slack.constraint for slack in explanation.slacks] == ["latency", "rate", "accuracy"]
    latency, rate, accuracy = explanation.slacks
    assert (latency.used, latency.bound) == (plan.latency_bound_s, 0.05)
    assert (rate.bound, accuracy.bound) == (0.1, 0.01)
    stages = {
        "edge part and encode": plan.breakdown.t_edge + plan.breakdown.encode_s,
        "uplink": plan.breakdown.t_up,
        "downlink": plan.breakdown.t_down,
        "server part and decode": plan.breakdown.t_server + plan.breakdown.decode_s,
    }
    assert rate.stage is not None
    assert rate.used == stages[rate.stage] == max(stages.values())
    for slack in explanation.slacks:
        assert slack.left == slack.bound - slack.used
        assert slack.binds == (slack.constraint in plan.binding)
    assert set(explanation.shares) == set(asdict(plan.breakdown))
    assert sum(explanation.shares.values()) == pytest.approx(2.0)
    assert explanation.shares["t_up"] == pytest.approx(plan.breakdown.t_up / (plan.latency_s or 0.0))


def test_an_infeasible_plan_is_explained_by_what_it_breaks() -> None:
    """A broken bound has negative slack, nothing has a price, and the uplink that would do is told."""
    problem = drawn_problem(4, cuts=6, edge_points=6, server_points=6, slo=Slo(latency_s=0.05, rate_hz=8.0))
    cuts = (*problem.cuts[:-1], replace(problem.cuts[-1], allowed=False))
    problem = with_uplink(replace(problem, cuts=cuts), 2e6)
    explanation = explain(problem)
    assert explanation.plan.status == INFEASIBLE
    assert explanation.deadline_price.reason == "no choice keeps the constraints"
    broken = [slack for slack in explanation.slacks if slack.binds]
    assert broken
    assert all(slack.left < 0.0 for slack in broken)
    assert explanation.uplink.stays.status == INFEASIBLE
    assert explanation.uplink.faster is not None
    assert solve(with_uplink(problem, explanation.uplink.faster.from_bps)).status == OPTIMAL


def test_no_choice_at_all_is_explained_by_accuracy() -> None:
    """Where nothing keeps the budget there is no cost to share and no uplink that helps."""
    document = small_document()
    document["variants"][0]["accuracy_loss"] = 0.5
    explanation = explain(parse_problem(document))
    assert (explanation.plan.cut, explanation.plan.binding) == (None, ("accuracy",))
    assert (explanation.shares, explanation.slacks, explanation.alternatives) == ({}, (), ())
    assert (explanation.uplink.stays.status, explanation.uplink.faster) == (INFEASIBLE, None)


def test_the_document_is_json_with_plans_of_the_contract_inside() -> None:
    """A script finds the plan where --json alone would have shown it."""
    explanation = explain(parse_problem(small_document()))
    document = json.loads(json.dumps(explanation_document(explanation), allow_nan=False))
    assert document["schema"] == "joulecut.explanation/1"
    assert document["plan"]["schema"] == "joulecut.plan/1"
    assert [other["aspect"] for other in document["alternatives"]] == [aspect.value for aspect in Aspect]
    for other in document["alternatives"]:
        assert (other["plan"] is None) == (other["reason"] is not None)
        assert other["plan"] is None or other["plan"]["schema"] == "joulecut.plan/1"
    assert document["uplink"]["stays"]["status"] == "optimal"
