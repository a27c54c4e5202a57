"""Partitioning and clocks, one after the other: each step exact, the order alone what is lost."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from joulecut_core.plans import OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.baselines import BASELINES, sequential
from joulecut_planner.choices.selection import pick
from tests.planner.baselines.brute_force import PROPERTY, at_top, blind_least, offered
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems


@PROPERTY
@given(problem=problems())
def test_partition_then_clocks_equals_its_two_steps(problem: Problem) -> None:
    """The latency cut at top clocks; then, for that cut, wire and variant, the contract's pick of clocks."""
    every = offered(problem)
    first = blind_least(problem, at_top(problem, every), lambda cost: cost.latency_s)
    expected = None
    if first is not None:
        group = (first.cut, first.wire, first.variant)
        expected = pick(problem, [each for each in every if (each.cut, each.wire, each.variant) == group])[0]
    assert sequential.partition_then_clocks(problem).choice == expected


@PROPERTY
@given(problem=problems())
def test_clocks_then_partition_equals_its_two_steps(problem: Problem) -> None:
    """Each side's clock for the whole network, top clocks where it may not run that; then the pick of cuts."""
    every, last = offered(problem), len(problem.cuts) - 1
    top_edge, top_server = len(problem.edge.points) - 1, len(problem.server.points) - 1
    edge, _ = pick(problem, [each for each in every if each.cut == last])
    server, _ = pick(problem, [each for each in every if each.cut == 0 and each.edge_point == top_edge])
    i = top_edge if edge is None else edge.edge_point
    j = top_server if server is None else server.server_point
    expected, _ = pick(problem, [each for each in every if each.edge_point == i and each.server_point in (None, j)])
    assert sequential.clocks_then_partition(problem).choice == expected


def test_an_order_costs_what_the_joint_plan_saves() -> None:
    """On a realistic problem both orders keep the deadline and cost more than deciding together."""
    problem = drawn_problem(1, cuts=40, edge_points=20, server_points=30)
    joint = BASELINES["joint"].plan(problem)
    for name in ("partition-then-clocks", "clocks-then-partition"):
        plan = BASELINES[name].plan(problem)
        assert plan.status == OPTIMAL
        assert plan.energy_j is not None
        assert joint.energy_j is not None
        assert plan.energy_j > 1.02 * joint.energy_j


def test_a_side_that_may_not_run_everything_is_not_tuned_for_it() -> None:
    """With the input kept private the server keeps its top clock."""
    problem = drawn_problem(1, cuts=10, edge_points=5, server_points=5)
    private = replace(problem, cuts=(replace(problem.cuts[0], allowed=False), *problem.cuts[1:-1], problem.cuts[-1]))
    choice = sequential.clocks_then_partition(private).choice
    assert choice is not None
    assert choice.server_point in (None, 4)
