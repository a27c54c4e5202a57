"""Pages in a real browser: on a phone and on a desk, light and dark, nothing fetched, nothing complained about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from joulecut.demo.page import demo_report
from joulecut.reports.fleet_facts import facts_of_pool
from joulecut.reports.fleet_report import fleet_report
from joulecut.reports.plan_report import plan_report
from joulecut.reports.run_report import AnsweredRequest, run_report
from joulecut.reports.writing import write_report
from joulecut.simulation.orders import TraceOrder
from joulecut.simulation.page import simulation_report
from joulecut_core.carbon import CarbonTerms
from joulecut_planner.pool import solve_pool
from joulecut_planner.serving.simulation.made_traces import MadeTrace
from tests.api.demo_samples import EVERY_POLICY, INFEASIBLE_ROW, SPLIT_ROW
from tests.api.reports.small_fleets import small_pool
from tests.api.reports.tiny_problem import ledger, tiny_problem
from tests.api.simulation.made_up import simulated
from tests.thoroughness import THOROUGH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_EDGES = """[...document.querySelectorAll("figure")].filter(figure => figure.querySelector(".legend")).map(figure => {
    const legend = figure.querySelector(".legend").getBoundingClientRect();
    return [legend.left, legend.right, figure.querySelector("figcaption").getBoundingClientRect().top - legend.bottom];
})"""
"""Of each legend: its left and right, and its distance from the words below."""
TERMS = CarbonTerms(grid_g_per_kwh=380.0)
CHARTS = {"plan": 4, "run": 2, "fleet": 3, "demo": 3, "simulation": 2}
"""On each page."""
DESK = (1280, "light")
LOOKS = (DESK, (390, "dark"))
"""Each page has one of them, in turn, where the tests need not be thorough: all have one style sheet and one script."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser of the machine, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if PROGRAM is None:
        pytest.skip("needs a chromium in PATH")
    with playwright.sync_playwright() as running:
        # Inside a container the browser's own sandbox has no privileges; the pages are of our own making.
        started = running.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plan's page, a run's, a fleet's, a demo's and a simulation's."""
    folder = tmp_path_factory.mktemp("pages")
    run = [AnsweredRequest(sample=f"picture {index}", answer=index, ledger=ledger()) for index in range(12)]
    reports = {
        "plan": plan_report(tiny_problem(), name="tiny.json", carbon=TERMS),
        "run": run_report(run, carbon=TERMS),
        "demo": demo_report([EVERY_POLICY], [SPLIT_ROW, INFEASIBLE_ROW], story="A camera", sentences=["It saves."]),
        "simulation": simulation_report(simulated(TraceOrder(made=MadeTrace.BURSTY, requests=300))),
        "fleet": fleet_report(facts_of_pool(small_pool(), solve_pool(small_pool())), name="pool.json", carbon=TERMS),
    }
    for name, report in reports.items():
        write_report(report, html=folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in reports}


class Visits:
    """Pages that are open, each as often as it is looked at in another way: drawing one takes seconds."""

    def __init__(self, browser: Browser, files: Mapping[str, Path]) -> None:
        self._browser = browser
        self._files = files
        self._open: dict[tuple[str, int, str], Visit] = {}

    def of(self, name: str, width: int, scheme: str) -> Visit:
        """The page at that width and in that scheme, drawn."""
        asked = (name, width, scheme)
        if asked not in self._open:
            page = self._browser.new_page(
                viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
            )
            self._open[asked] = Visit(page, self._files[name].as_uri())
        return self._open[asked]


class Visit:
    """A page from its first line on: what the browser complained of, and what the page asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        self.charts.last.locator("svg.main-svg").first.wait_for()

    @property
    def charts(self) -> Locator:
        """Its interactive charts."""
        return self.page.locator(".js-plotly-plot")


@pytest.fixture(scope="module")
def visits(browser: Browser, pages: dict[str, Path]) -> Visits:
    """The pages, open."""
    return Visits(browser, pages)


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        (name, *look)
        for place, name in enumerate(CHARTS)
        for look in (LOOKS if THOROUGH else (LOOKS[place % len(LOOKS)],))
    ],
)
def test_a_page_is_at_home(visits: Visits, name: str, width: int, scheme: str) -> None:
    """Charts are as wide as their column, legends between picture and words; no sideways scrolling, no complaint."""
    visit = visits.of(name, width, scheme)
    page, charts = visit.page, visit.charts
    assert visit.complaints == []
    assert visit.asked == [visit.address]
    assert charts.count() == CHARTS[name]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in (charts.nth(index).bounding_box() for index in range(charts.count())):
        assert box is not None
        assert 0.7 * min(width, 1152) < box["width"] <= width
    for left, right, gap in page.evaluate(_EDGES):
        assert left >= 0
        assert right <= width
        assert 0 <= gap < 24
    inks = page.evaluate("[...document.querySelectorAll('.main-svg text')].map(text => getComputedStyle(text).fill)")
    assert set(inks) == {page.evaluate("getComputedStyle(document.body).color")}


def test_a_chart_answers_to_the_pointer(visits: Visits) -> None:
    """Above the plan's star its numbers stand in words."""
    page = visits.of("plan", *DESK).page
    clocks = page.locator("#chart-clocks")
    clocks.scroll_into_view_if_needed()
    clocks.locator(".hm").first.wait_for(state="attached")
    box = clocks.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    said = page.locator(".hoverlayer .hovertext").first
    said.wait_for(state="attached")
    assert "277.8 mJ" in (said.text_content() or "")
