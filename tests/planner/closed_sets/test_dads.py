"""DADS: the least latency of all closed sets at top clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.problems import EdgePoint
from joulecut_planner.closed_sets import DagProblem, dads_cut, dads_plan
from joulecut_planner.closed_sets.dads import top_point
from joulecut_planner.closed_sets.enumeration import members_of
from tests.planner.closed_sets.brute_force import every_choice
from tests.planner.closed_sets.drawn_graphs import dag_problems
from tests.thoroughness import examples


@settings(max_examples=examples(60), deadline=None)
@given(problem=dag_problems(max_points=1))
def test_least_latency_of_all(problem: DagProblem) -> None:
    """With one clock a side every choice is at top clocks: none is faster, and the plan says the same latency."""
    cut, plan = dads_cut(problem), dads_plan(problem)
    fastest_s = min(choice.latency_s for choice in every_choice(problem))
    assert cut.latency_s == pytest.approx(fastest_s, rel=1e-9, abs=1e-15)
    assert plan.plan.latency_s == pytest.approx(fastest_s, rel=1e-9, abs=1e-15)
    assert plan.blocks == members_of(cut.mask)
    assert (cut.wire is None) == (plan.blocks == problem.graph.everything)


@settings(max_examples=examples(30), deadline=None)
@given(problem=dag_problems(max_points=1))
def test_energy_is_no_goal(problem: DagProblem) -> None:
    """Neither weights nor deadline move DADS's cut."""
    other = replace(problem, slo=replace(problem.slo, latency_s=None), objective=replace(problem.objective))
    assert dads_cut(other) == dads_cut(problem)


def test_top_point_is_the_memorys_first() -> None:
    """The highest memory clock counts before the highest core clock, wherever it stands in the table."""
    points = tuple(
        EdgePoint(core_mhz=core, memory_mhz=memory, wait_w=1.0)
        for core, memory in ((612.0, 2133.0), (1020.0, 665.0), (918.0, 2133.0), (306.0, 2133.0))
    )
    assert top_point(points) == 2
