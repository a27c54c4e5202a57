"""The front is that of pricing every choice, ties and rounding included."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.errors import ProblemError
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Edge, EdgePoint, Objective, Problem, ProblemCut, Slo
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.exact.oracle import choices
from joulecut_planner.exact.solver import solve
from joulecut_planner.fronts import pareto as module
from joulecut_planner.fronts.pareto import pareto, pareto_document
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems
from tests.thoroughness import THOROUGH, examples

SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def answer(plan: Plan) -> Plan:
    """The plan without how it was found."""
    return replace(plan, evaluated=0, solve_s=0.0)


def front_by_pricing_everything(problem: Problem) -> list[Plan]:
    """The contract's front: every feasible choice against every other."""
    timeless = replace(problem, slo=replace(problem.slo, latency_s=None))
    cheapest: dict[tuple[float, float], Choice] = {}
    for choice in choices(timeless):
        cost = price(timeless, choice)
        if timeless.cuts[choice.cut].allowed and not violated(timeless, cost):
            pair = (cost.latency_bound_s, cost.energy_j)
            cheapest[pair] = min(choice, cheapest.get(pair, choice))
    front = []
    least_j = float("inf")
    for (_, energy_j), choice in sorted(cheapest.items()):
        if energy_j < least_j:
            least_j = energy_j
            front.append(plan_for(timeless, choice, evaluated=0, solve_s=0.0))
    return front


@settings(max_examples=examples(200), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=problems())
def test_equals_pricing_everything(problem: Problem) -> None:
    """On small and degenerate problems of every kind, the very same plans, to the last bit."""
    assert [answer(plan) for plan in pareto(problem)] == front_by_pricing_everything(problem)


@pytest.mark.parametrize(
    "slo", [Slo(), Slo(quantile=0.9), Slo(rate_hz=20.0), Slo(rate_hz=60.0, quantile=0.99, margin="gaussian")]
)
@pytest.mark.parametrize("seed", range(3 if THOROUGH else 1))
def test_equals_pricing_everything_on_realistic_tables(seed: int, slo: Slo) -> None:
    """Where cells of several levels are dropped, nothing that matters is dropped."""
    problem = drawn_problem(seed, cuts=5, edge_points=19, server_points=22, slo=slo)
    assert [answer(plan) for plan in pareto(problem)] == front_by_pricing_everything(problem)


def test_what_is_left_is_priced_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cells are left of a problem whose front is large, what they hold is not priced at once."""
    problem = drawn_problem(1, cuts=5, edge_points=19, server_points=22, slo=Slo(rate_hz=20.0))
    whole = [answer(plan) for plan in pareto(problem)]
    monkeypatch.setattr(module, "_TOGETHER", 2)
    assert [answer(plan) for plan in pareto(problem)] == whole


def test_a_front_of_more_plans_than_are_wanted() -> None:
    """A caller who bounds them is told so, and not kept waiting for all of them to be made."""
    problem = drawn_problem(1, cuts=5, edge_points=19, server_points=22, slo=Slo(rate_hz=20.0))
    plans = pareto(problem)
    assert len(pareto(problem, most=1000)) == len(plans) > 3
    with pytest.raises(ProblemError, match="a front of more than 3 plans; expected at most so many"):
        pareto(problem, most=3)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_weights_of_zero(weights: tuple[float, float]) -> None:
    """Where many choices cost the same joules, one is left for each T_q that pays, the lowest indices of equals."""
    problem = drawn_problem(7, cuts=5, edge_points=18, server_points=6, slo=Slo(rate_hz=10.0))
    problem = replace(problem, objective=Objective(edge_weight=weights[0], server_weight=weights[1]))
    assert [answer(plan) for plan in pareto(problem)] == front_by_pricing_everything(problem)


def test_equal_points_are_one_step() -> None:
    """Operating points that cost the same in every way are one plan: the first of them."""
    problem = drawn_problem(2, cuts=4, edge_points=1, server_points=5, slo=Slo(rate_hz=10.0))
    variant = problem.variants[0]
    doubled = replace(
        problem,
        edge=Edge(points=(EdgePoint(core_mhz=1.0, memory_mhz=None, wait_w=problem.edge.points[0].wait_w),) * 20),
        variants=(
            replace(
                variant,
                edge=replace(
                    variant.edge,
                    time_s=tuple(row * 20 for row in variant.edge.time_s),
                    busy_w=tuple(row * 20 for row in variant.edge.busy_w),
                    time_std_s=None,
                ),
            ),
        ),
    )
    plans = pareto(doubled)
    assert {plan.edge_point for plan in plans} == {0}
    assert [answer(plan) for plan in plans] == front_by_pricing_everything(doubled)


def test_a_large_front_holds_every_plan() -> None:
    """161 cuts, 2 codecs, 56 x 110 clocks: the plan under any deadline is a step of the front, a fraction is priced."""
    problem = drawn_problem(3, cuts=161, edge_points=56, server_points=110)
    plans = pareto(problem)
    assert plans[0].evaluated < 0.1 * 161 * 2 * 56 * 110
    steps = [(plan.latency_bound_s or 0.0, plan.energy_j or 0.0) for plan in plans]
    assert steps == sorted(steps)
    assert all(after[1] < before[1] for before, after in pairwise(steps))
    for plan in plans[::40]:
        deadline = replace(problem.slo, latency_s=plan.latency_bound_s)
        best = solve(replace(problem, slo=deadline))
        assert (best.latency_bound_s, best.energy_j) == (plan.latency_bound_s, plan.energy_j)


def test_the_deadline_is_ignored_and_never_binds() -> None:
    """A deadline that nothing meets changes nothing, and no step of a front is said to be bound by it."""
    problem = drawn_problem(1, cuts=4, edge_points=4, server_points=4, slo=Slo(rate_hz=20.0, latency_s=1e-9))
    plans = pareto(problem)
    assert plans
    assert {plan.status for plan in plans} == {OPTIMAL}
    assert not any("latency" in plan.binding for plan in plans)


def test_nothing_feasible_is_an_empty_front() -> None:
    """A rate that nothing keeps up with leaves no step, and the document says so with an empty list."""
    problem = drawn_problem(1, cuts=4, edge_points=4, server_points=4, slo=Slo(rate_hz=1e7))
    assert pareto(problem) == []
    assert pareto_document([]) == {"schema": "joulecut.pareto/1", "plans": []}


def test_the_document_holds_plans_of_the_contract() -> None:
    """Each step is a joulecut.plan/1."""
    plans = pareto(drawn_problem(1, cuts=3, edge_points=3, server_points=3, slo=Slo()))
    document = pareto_document(plans)["plans"]
    assert isinstance(document, list)
    assert len(document) == len(plans)
    assert {step["schema"] for step in document} == {"joulecut.plan/1"}


def test_forbidden_cuts_are_never_on_it() -> None:
    """Privacy and memory hold for every step."""
    problem = drawn_problem(1, cuts=4, edge_points=4, server_points=4, slo=Slo())
    cuts: tuple[ProblemCut, ...] = tuple(replace(cut, allowed=index == 1) for index, cut in enumerate(problem.cuts))
    assert {plan.cut for plan in pareto(replace(problem, cuts=cuts))} == {1}


def test_a_link_too_slow_for_numbers_is_no_link() -> None:
    """What would take longer than numbers reach is left out like all that is too slow, and without a warning."""
    problem = drawn_problem(5, cuts=3, edge_points=2, server_points=2)
    stuck = replace(problem, slo=Slo(latency_s=0.1), link=replace(problem.link, downlink_bps=1e-306))
    assert {plan.cut for plan in pareto(stuck)} == {len(stuck.cuts) - 1}


def test_numbers_that_overflow_are_refused() -> None:
    """A front never carries an infinity: the problem's units are wrong then."""
    problem = drawn_problem(1, cuts=2, edge_points=2, server_points=2, slo=Slo())
    points = (EdgePoint(core_mhz=1.0, memory_mhz=None, wait_w=1e308),) * 2
    variant = problem.variants[0]
    slow = replace(variant.edge, time_s=((0.0, 0.0), (1e308, 1e308)), busy_w=((1e308, 1e308),) * 2, time_std_s=None)
    cuts = (replace(problem.cuts[0], allowed=False), problem.cuts[1])
    overflowing = replace(problem, edge=Edge(points=points), variants=(replace(variant, edge=slow),), cuts=cuts)
    with pytest.raises(ProblemError, match="stay finite"):
        pareto(overflowing)
