"""A fleet's page: servers, placements, prices, bound, and who is left out, in the planner's numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.reports.document import Report, Table, page
from joulecut.reports.fleet_facts import facts_of_fleet, facts_of_pool
from joulecut.reports.fleet_report import fleet_report
from joulecut_core.carbon import CarbonTerms
from joulecut_core.pools import Pool
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.pool import PoolPlanner, solve_pool
from tests.api.reports.page_reader import read_page
from tests.api.reports.small_fleets import HOSTILE, small_fleet, small_pool

TERMS = CarbonTerms(grid_g_per_kwh=360.0)


def reported(pool: Pool) -> Report:
    """The report of a pool that was just planned."""
    planner = PoolPlanner()
    return fleet_report(facts_of_pool(pool, planner.plan(pool), planner.prices), name="pool.json", carbon=TERMS)


def table(report: Report, title: str) -> Table:
    """The table of a section."""
    (section,) = (section for section in report.sections if section.title == title)
    (found,) = (block for block in section.blocks if isinstance(block, Table))
    return found


def cells(found: Table, row: str) -> dict[str, str]:
    """A row by its first cell, as column to text."""
    (line,) = (each for each in found.rows if each[0] == row)
    return dict(zip(found.columns, line, strict=True))


def test_everything_people_look_for_is_there() -> None:
    """What it draws and draws at least, clocks, loads, watts, parked servers, placements, prices, reasons."""
    plan, report = solve_pool(small_pool()), reported(small_pool())
    total = {row[0]: row[1] for row in table(report, "The fleet").rows}
    assert total["power, weighted"] == f"{plan.power_w:.3f} W"
    assert total["no plan draws less than"] == f"{plan.lower_bound_w:.3f} W"
    assert (total["servers serving"], total["servers parked"]) == ("1", "1")
    states = {row[0]: row[2] for row in table(report, "The servers").rows}
    assert sorted(states.values()) == ["parked", "serving"]
    serving = next(server for server in plan.servers if server.edges)
    row = cells(table(report, "The servers"), serving.name)
    assert (row["MHz"], row["edges"], row["W"]) == (
        str(serving.server_clock).removesuffix(" MHz"),
        "2",
        f"{serving.power_w:.2f}",
    )
    assert cells(table(report, "Who is placed where"), "gate")["server"] == serving.name
    assert "W per Mbit/s" in table(report, "The shared uplinks").columns
    ((name, reason),) = table(report, "Who is left out").rows
    assert (name, reason) == ("late", plan.rejected[0].reason)


def test_every_picture_says_how_its_figures_came_about() -> None:
    """Servers, uplinks, edges."""
    charts = reported(small_pool()).charts
    assert [chart.name for chart in charts] == ["servers", "uplinks", "edges"]
    assert all("estimated" in chart.caption for chart in charts)


def test_a_fleet_of_version_1_has_the_same_page() -> None:
    """Its one server and its one uplink included."""
    report = fleet_report(facts_of_fleet(small_fleet(), solve_fleet(small_fleet())), name="fleet.json")
    assert [chart.name for chart in report.charts] == ["servers", "uplinks", "edges"]
    assert cells(table(report, "The servers"), "server")["edges"] == "2"
    assert "W per 1 %" not in table(report, "The servers").columns


def test_carbon_counts_the_mean_request() -> None:
    """Of both sides, by the edges' rates; idle draw that counts is shown apart."""
    report = reported(small_pool())
    facts = facts_of_pool(small_pool(), solve_pool(small_pool()))
    alone, with_idle = (float(row[1]) for row in table(report, "Carbon").rows)
    mean_j = sum(sum(edge.parts_j) for edge in facts.edges) / len(facts.edges)
    assert alone == pytest.approx(1e3 * mean_j, rel=1e-3)
    assert with_idle > alone


def test_infeasible_and_empty_fleets_are_said_to_be() -> None:
    """No tables of nothing; the rejected are named."""
    pool = small_pool()
    nobody = reported(replace(pool, edges=pool.edges[2:]))
    assert "Nobody can be served." in str(nobody.sections[0].blocks[0])
    full = replace(
        pool,
        uplinks=(replace(pool.uplinks[0], uplink_bps=8e6),),
        edges=tuple(replace(edge, name=f"{edge.name}{number}") for number in range(3) for edge in pool.edges[:2]),
    )
    report = reported(full)
    assert "Infeasible" in str(report.sections[0].blocks[0])
    assert [section.title for section in report.sections] == ["The fleet"]


def test_a_saved_answer_has_a_page() -> None:
    """Columns and pictures of what it does not know are left out."""
    report = fleet_report(facts_of_pool(None, solve_pool(small_pool())), name="answer.json", carbon=TERMS)
    assert [chart.name for chart in report.charts] == ["servers"]
    assert "deadline ms" not in table(report, "Who is placed where").columns
    assert "the mean over edges" in table(report, "Carbon").rows[0][0]


def test_names_are_text_and_nothing_is_loaded() -> None:
    """A server whose name looks like markup is shown; the page stands alone."""
    text = page(reported(small_pool()))
    reader = read_page(text)
    assert HOSTILE not in text
    assert any(HOSTILE in cell for row in reader.rows for cell in row)
    assert (reader.open, reader.loads) == ([], [])
