"""Floors bound every choice from below to the last bit, and are reached where all terms are alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from joulecut_core.problems import Objective, Problem, SideTables, Table
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.exact.floors import group_floors_j, group_floors_s, point_floors_s
from joulecut_planner.exact.pairs import Pricer
from tests.planner.adversarial_problems import adversarial_problems
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import SLOW_DRAWS
from tests.thoroughness import examples


@settings(max_examples=examples(50), deadline=None, suppress_health_check=SLOW_DRAWS)
@given(problem=adversarial_problems())
def test_no_choice_lies_below_its_floors(problem: Problem) -> None:
    """Exactly, without any allowance for rounding."""
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=False)
    pricer = Pricer(problem, grids, feasible_only=False)
    floors_s, floors_j = group_floors_s(problem, grids, groups), group_floors_j(problem, grids, groups)
    points = point_floors_s(problem, grids, groups)
    for group in range(len(groups)):
        costs = pricer.grid(groups, group)
        shape = len(grids.wait_w), len(grids.idle_w)
        bound_s = costs.bound_s.reshape(shape)
        assert (bound_s >= floors_s[group]).all()
        assert (bound_s >= points.edge_s[group][:, None]).all()
        assert (bound_s >= points.server_s[group][None, :]).all()
        assert (costs.energy_j >= floors_j[group]).all()


def test_alike_points_reach_their_floors() -> None:
    """Where all points of a side are the same, the floors are the T_q and J of every choice, bit for bit."""
    problem = drawn_problem(2, cuts=4, edge_points=3, server_points=5)
    variant = problem.variants[0]

    def alike(table: Table | None) -> Table:
        return tuple((row[0],) * len(row) for row in table or ())

    def tables(side: SideTables) -> SideTables:
        return SideTables(time_s=alike(side.time_s), busy_w=alike(side.busy_w), time_std_s=alike(side.time_std_s))

    problem = replace(
        problem,
        objective=Objective(edge_weight=0.7, server_weight=1.3, server_idle_share=0.3),
        edge=replace(problem.edge, points=problem.edge.points[:1] * 3),
        server=replace(problem.server, points=problem.server.points[:1] * 5),
        variants=(replace(variant, edge=tables(variant.edge), server=tables(variant.server)),),
    )
    for each in (problem, replace(problem, slo=replace(problem.slo, rate_hz=None))):
        grids = grids_of(each)
        groups = groups_of(each, grids, keep_rate=False)
        pricer = Pricer(each, grids, feasible_only=False)
        floors_s, floors_j = group_floors_s(each, grids, groups), group_floors_j(each, grids, groups)
        for group in range(len(groups)):
            costs = pricer.grid(groups, group)
            np.testing.assert_array_equal(costs.bound_s, floors_s[group])
            np.testing.assert_array_equal(costs.energy_j, floors_j[group])
