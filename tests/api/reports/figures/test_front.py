"""The front's picture: staircase, points that policies share, the deadline."""

from __future__ import annotations

import pytest

from joulecut.reports.charts import Line, Points, Shape
from joulecut.reports.figures.front import front_chart, same_choices
from joulecut_planner import BASELINES, pareto, solve
from tests.api.reports.tiny_problem import DEADLINE_S, tiny_problem

PROBLEM = tiny_problem()


def test_the_staircase_is_the_planners_front() -> None:
    """Milliseconds and millijoules of every step, fastest first: the split in time, the edge alone 250 mJ later."""
    (panel,) = front_chart(pareto(PROBLEM), {}, deadline_s=None, kind="estimated").panels
    (line,) = panel.layers
    assert isinstance(line, Line)
    assert line.step
    assert line.x == pytest.approx((37.8, 50.0))
    assert line.y == pytest.approx((277.8, 250.0))
    assert not panel.rules


def test_every_policy_is_at_a_point_and_equal_choices_share_it() -> None:
    """No name is lost or shown twice; the joint plan is the star; what breaks the deadline is hollow."""
    policies = {name: baseline.plan(PROBLEM) for name, baseline in BASELINES.items()}
    chart = front_chart((), policies, deadline_s=DEADLINE_S, kind="estimated")
    (panel,) = chart.panels
    points = [layer for layer in panel.layers if isinstance(layer, Points)]
    names = [name for point in points for name in point.name.split(", ")]
    assert sorted(names) == sorted(policies)
    (star,) = (point for point in points if point.shape is Shape.STAR)
    assert "joint" in star.name
    assert (star.x[0], star.y[0]) == pytest.approx((37.8, 277.8))
    assert not star.hollow
    (late,) = (point for point in points if "all-edge" in point.name.split(", "))
    assert late.hollow
    assert "breaks: latency" in late.notes[0]
    assert [rule.at for rule in panel.rules] == [45.0]
    assert "estimated" in chart.caption


def test_plans_without_a_choice_have_no_point() -> None:
    """A policy with nothing on offer is not drawn at zero."""
    plan = solve(PROBLEM)
    assert [names for names, _ in same_choices({"one": plan, "two": plan})] == [("one", "two")]
