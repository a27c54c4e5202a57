"""The blocks' picture: differences of neighbouring cuts, bytes at the cuts, the cut between two blocks."""

from __future__ import annotations

import pytest

from joulecut.reports.charts import Bars, Line
from joulecut.reports.figures.blocks import block_costs, blocks_chart, crossing_bytes
from joulecut_planner import solve
from tests.api.reports.tiny_problem import tiny_problem

PROBLEM = tiny_problem()


def test_costs_of_blocks() -> None:
    """10 and 40 ms at 5 W on the edge, 2 and 2 ms at 100 W on the server."""
    first, second = block_costs(PROBLEM, variant=0, edge_point=0, server_point=0)
    assert (first.name, second.name) == ("middle", "output")
    assert (first.edge_s, second.edge_s) == pytest.approx((0.010, 0.040))
    assert (first.server_s, second.server_s) == pytest.approx((0.002, 0.002))
    assert (first.edge_j, second.edge_j) == pytest.approx((0.05, 0.20))
    assert (first.server_j, second.server_j) == pytest.approx((0.2, 0.2))


def test_bytes_are_of_the_smallest_codec() -> None:
    """At the input the u8 picture, not the raw one; nothing crosses at the last cut."""
    assert crossing_bytes(PROBLEM) == (50e3, 25e3)


def test_the_chart_shows_them_with_the_cut() -> None:
    """Bars in ms and mJ, kilobytes at the places of the cuts, the line of cut 1 between the two blocks."""
    chart = blocks_chart(PROBLEM, solve(PROBLEM), kind="estimated")
    times, joules, sizes = chart.panels
    edge, server = times.layers
    assert isinstance(edge, Bars)
    assert isinstance(server, Bars)
    assert edge.values == pytest.approx((10.0, 40.0))
    assert server.values == pytest.approx((2.0, 2.0))
    assert [layer.values for layer in joules.layers if isinstance(layer, Bars)] == [
        pytest.approx((50.0, 200.0)),
        pytest.approx((200.0, 200.0)),
    ]
    (line,) = sizes.layers
    assert isinstance(line, Line)
    assert (line.x, line.y) == ((-0.5, 0.5), (50.0, 25.0))
    assert all([rule.at for rule in panel.rules] == [0.5] for panel in chart.panels)
    assert times.x.ticks == ((0.0, "middle"), (1.0, "output"))


def test_a_plan_without_a_server_says_whose_clock_is_shown() -> None:
    """All on the edge: the server's bars are at its highest clock, and the caption says that it is not used."""
    free = tiny_problem(deadline_s=None)
    chart = blocks_chart(free, solve(free), kind="estimated")
    assert "server at 1500 MHz (not used by the plan)" in chart.caption
    assert [rule.at for rule in chart.panels[0].rules] == [1.5]
