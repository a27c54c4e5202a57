"""Energy over the clocks: values by the contract's formulas, cells that break a constraint, the plan's place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.reports.charts import Cells, Panel, Points
from joulecut.reports.figures.clock_map import clock_map_chart
from joulecut_core.problems import Edge, EdgePoint
from joulecut_planner import solve
from tests.api.reports.tiny_problem import tiny_problem


def layers(panel: Panel) -> tuple[Cells, Points]:
    """The field and the plan's star."""
    cells, star = panel.layers
    assert isinstance(cells, Cells)
    assert isinstance(star, Points)
    return cells, star


def test_both_sides_clocks_at_the_plans_cut() -> None:
    """Columns are the edge's clocks, rows the server's; at 500 MHz the edge is late by 2.8 and 4.8 ms."""
    problem = tiny_problem()
    (panel,) = clock_map_chart(problem, solve(problem), kind="estimated").panels
    cells, star = layers(panel)
    assert [value for line in cells.values for value in line] == pytest.approx([277.8, 287.8, 319.8, 329.8])
    assert cells.blocked == ((False, True), (False, True))
    assert "breaks: latency" in cells.notes[0][1]
    assert (star.x, star.y) == ((0.0,), (0.0,))
    assert panel.x.ticks == ((0.0, "1000"), (1.0, "500"))


def test_an_edge_by_itself_is_shown_over_core_and_memory() -> None:
    """Where the server has no part: rising core clocks, one row for a memory clock that nobody sets."""
    problem = tiny_problem(deadline_s=None)
    (panel,) = clock_map_chart(problem, solve(problem), kind="estimated").panels
    cells, star = layers(panel)
    assert len(cells.values) == 1
    assert cells.values[0] == pytest.approx((300.0, 250.0))
    assert (star.x, star.y) == ((1.0,), (0.0,))
    assert panel.y.ticks == ((0.0, "as it is"),)


def test_pairs_off_the_clock_table_are_blocked() -> None:
    """Two points of different core and memory clocks span four cells, of which two can be held."""
    problem = tiny_problem(deadline_s=None)
    points = (
        EdgePoint(core_mhz=1000.0, memory_mhz=2000.0, wait_w=1.0),
        EdgePoint(core_mhz=500.0, memory_mhz=1000.0, wait_w=1.0),
    )
    problem = replace(problem, edge=Edge(points=points))
    (panel,) = clock_map_chart(problem, solve(problem), kind="estimated").panels
    cells, _ = layers(panel)
    assert cells.blocked == ((False, True), (True, False))
    assert cells.notes[0][1] == "not on the clock table"
