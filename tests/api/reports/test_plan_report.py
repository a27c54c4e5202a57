"""The report of a problem: every number is the planner's."""

from __future__ import annotations

import pytest

from joulecut.reports.document import Items, Table, page
from joulecut.reports.plan_pages import saved_front_report, saved_plan_report
from joulecut.reports.plan_report import plan_report
from joulecut_core.carbon import CarbonTerms
from joulecut_planner import BASELINES, explain, pareto, solve
from tests.api.reports.page_reader import read_page
from tests.api.reports.tiny_problem import tiny_problem

HOSTILE = "<script>alert(1)</script>"
TERMS = CarbonTerms(grid_g_per_kwh=360.0, embodied_g=1e-5)


def tables(title: str) -> list[Table]:
    """The tables of a section of the tiny problem's report."""
    report = plan_report(tiny_problem(), name="tiny", carbon=TERMS)
    (section,) = (section for section in report.sections if section.title == title)
    return [block for block in section.blocks if isinstance(block, Table)]


def test_the_pictures_are_all_there() -> None:
    """Front, waterfall, blocks, clocks; each says that its figures are estimated."""
    charts = plan_report(tiny_problem(), name="tiny").charts
    assert [chart.name for chart in charts] == ["front", "waterfall", "blocks", "clocks"]
    assert all("estimated" in chart.caption for chart in charts)


def test_the_plan_is_told_in_its_numbers() -> None:
    """37.8 ms and 277.8 mJ at cut 1."""
    (table,) = tables("The plan")
    found = {row[0]: row[1] for row in table.rows}
    assert found["cut"] == "1 (middle)"
    assert found["latency, mean"] == "37.800 ms"
    assert found["energy, weighted"] == "277.800 mJ"
    assert found["energy, edge (module input)"] == "77.800 mJ"


def test_every_policy_has_a_row_of_its_own_numbers() -> None:
    """All baselines, as the contract prices them; who is late is said to be."""
    (table,) = tables("What others would choose")
    problem = tiny_problem()
    assert [row[0] for row in table.rows] == list(BASELINES)
    for row in table.rows:
        plan = BASELINES[row[0]].plan(problem)
        assert row[5:7] == (f"{1e3 * (plan.latency_bound_s or 0):.3f}", f"{1e3 * (plan.energy_j or 0):.3f}")
        assert row[-1] == ("yes" if plan.status == "optimal" else f"breaks {', '.join(plan.binding)}")
    (marked,) = table.marked
    assert table.rows[marked][0] == "joint"


def test_why_is_told_in_words() -> None:
    """The same sentences as on the terminal, without its markup."""
    report = plan_report(tiny_problem(), name="tiny")
    (items,) = (block for block in report.sections[1].blocks if isinstance(block, Items))
    assert items.lines[0] == "latency: 37.800 ms of 45.000 ms: 7.200 ms left"
    assert not any("[bold]" in line for line in items.lines)


def test_carbon_is_of_both_sides_joules() -> None:
    """277.8 mJ at 360 g/kWh are 27.78 µg; 10 µg embodied come on top. Only where an intensity was given."""
    (table,) = tables("Carbon")
    joint = next(row for row in table.rows if row[0] == "joint")
    assert joint == ("joint", "277.8", "27.78", "37.78")
    assert "Carbon" not in [section.title for section in plan_report(tiny_problem(), name="tiny").sections]


def test_no_embodied_carbon_is_said() -> None:
    """Nothing given counts as nothing, and the page says so; the joules' scope is named."""
    report = plan_report(tiny_problem(), name="tiny", carbon=CarbonTerms(grid_g_per_kwh=100.0))
    sentence = report.sections[-1].blocks[0]
    assert isinstance(sentence, str)
    assert "Embodied carbon was not given and counts as 0" in sentence
    assert "100 g CO2e per kWh" in sentence
    assert "module input + GPU board" in sentence


def test_an_infeasible_problem_shows_the_nearest_choice() -> None:
    """What it breaks is said; the pictures are of that choice."""
    report = plan_report(tiny_problem(deadline_s=0.01), name="tiny")
    verdict = report.sections[0].blocks[0]
    assert isinstance(verdict, str)
    assert "breaks: latency" in verdict
    assert "clocks" in [chart.name for chart in report.charts]


def test_names_of_a_problem_are_text() -> None:
    """A cut or a file that looks like markup is shown, not obeyed."""
    text = page(plan_report(tiny_problem(middle=HOSTILE), name=HOSTILE))
    reader = read_page(text)
    assert f"Plan of {HOSTILE}" in "".join(reader.text)
    assert HOSTILE not in text
    assert any(f"1 ({HOSTILE})" in cell for row in reader.rows for cell in row)


def test_saved_answers() -> None:
    """A plan keeps its waterfall, its alternatives become points, a front its staircase; none invents the rest."""
    problem = tiny_problem()
    explanation = explain(problem)
    others = {other.aspect.value: other.plan for other in explanation.alternatives if other.plan is not None}
    assert [chart.name for chart in saved_plan_report(solve(problem)).charts] == ["waterfall"]
    assert [chart.name for chart in saved_plan_report(explanation.plan, others).charts] == ["waterfall", "front"]
    report = saved_front_report(pareto(problem), carbon=TERMS)
    assert [chart.name for chart in report.charts] == ["front"]
    carbon = report.sections[-1].blocks[1]
    assert isinstance(carbon, Table)
    assert [row[1] for row in carbon.rows] == ["277.8", "250"]


@pytest.mark.parametrize("deadline_s", [0.045, None])
def test_pages_stand_alone(deadline_s: float | None) -> None:
    """Well-formed and loading nothing, split or not."""
    reader = read_page(page(plan_report(tiny_problem(deadline_s=deadline_s), name="tiny", carbon=TERMS)))
    assert reader.open == []
    assert reader.loads == []
