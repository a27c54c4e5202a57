"""Neurosurgeon as published: the best cut at top clocks, whatever the deadline."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Objective, Problem, Slo
from joulecut_planner.baselines import BASELINES, neurosurgeon
from tests.planner.baselines.brute_force import PROPERTY, at_top, blind_least, offered
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_both_goals_equal_their_brute_force(problem: Problem) -> None:
    """Least mean latency, and least energy of the edge, over all cuts at top clocks."""
    top = at_top(problem, offered(problem))
    fastest = blind_least(problem, top, lambda cost: cost.latency_s)
    frugal = blind_least(problem, top, lambda cost: cost.edge_energy_j)
    assert neurosurgeon.least_latency(problem).choice == fastest
    assert neurosurgeon.least_edge_energy(problem).choice == frugal


def test_the_energy_goal_is_blind_where_the_kept_form_is_not() -> None:
    """It takes the edge's cheapest cut, which misses a deadline that `energy-cut` keeps, and says which bound broke."""
    drawn = drawn_problem(0, cuts=30, edge_points=12, server_points=6)
    problem = replace(
        drawn,
        objective=Objective(server_weight=0.0),
        link=replace(drawn.link, uplink_bps=3e7),
        slo=replace(drawn.slo, latency_s=0.02, margin="gaussian"),
    )
    published, kept = BASELINES["neurosurgeon-energy"].plan(problem), BASELINES["energy-cut"].plan(problem)
    assert (published.status, published.binding) == (INFEASIBLE, ("latency",))
    assert kept.status == OPTIMAL


def test_the_service_level_never_moves_its_choice() -> None:
    """Any deadline gives the same cut: the paper has none."""
    problem = drawn_problem(1, cuts=20, edge_points=4, server_points=4)
    for rule in (neurosurgeon.least_latency, neurosurgeon.least_edge_energy):
        chosen = {
            rule(replace(problem, slo=Slo(latency_s=latency_s, quantile=0.99, rate_hz=10.0))).choice
            for latency_s in (0.001, 0.02, 0.05, 1.0)
        }
        assert len(chosen) == 1
