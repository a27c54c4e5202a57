"""The demo's page: everything on it, nothing from anywhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.demo.charts import joules_chart, sweep_chart
from joulecut.demo.page import demo_report
from joulecut.demo.pairs import front_steps, planned_pairs, typical_request
from joulecut.reports.charts import Bars, Line
from joulecut.reports.document import page as page_of
from joulecut_planner import Policy
from tests.api.demo_samples import (
    EVERY_POLICY,
    INFEASIBLE_ROW,
    SPLIT_ROW,
    TOTAL,
    metered_run,
    objective_result,
    planned,
    policy_result,
)
from tests.api.fake_edge import LEDGER
from tests.api.reports.page_reader import PageReader, read_page

STORY = "A camera <sees> & waits"
SENTENCE = "It saves 20 %."


@pytest.fixture(scope="module")
def page() -> str:
    """A page of two objectives."""
    other = objective_result(policy_result("governor", cut=4), policy_result("joint"), objective="battery")
    return page_of(demo_report([EVERY_POLICY, other], [SPLIT_ROW, INFEASIBLE_ROW], story=STORY, sentences=[SENTENCE]))


@pytest.fixture(scope="module")
def reader(page: str) -> PageReader:
    """The page, read."""
    return read_page(page)


def test_it_loads_nothing(page: str, reader: PageReader) -> None:
    """Script and styles are inside, once: the page is read without a network."""
    assert reader.loads == []
    assert "@import" not in page
    assert "url(http" not in page.replace(" ", "")
    assert 'src="http' not in page.replace("'", '"')
    # The library itself, not a reference to it, and not a second time for the second picture.
    assert 3_000_000 < len(page) < 8_000_000
    assert reader.open == []


def test_it_shows_every_policy(reader: PageReader) -> None:
    """A row for each policy of each objective and for each bandwidth, as on the terminal."""
    names = [row[0] for row in reader.rows if row]
    assert names == [*(policy.value for policy in Policy), "governor", "joint", "battery", "battery"]
    assert next(row for row in reader.rows if row and row[0] == "joint")[1] == "2 middle"


def test_every_policy_is_in_the_picture(page: str) -> None:
    """Each name stands at a point of the figure, alone or with those of the same configuration."""
    figure = page[page.index("Plotly.newPlot(") :]
    figure = figure[: figure.index("</script>")]
    assert all(policy.value in figure for policy in Policy)
    assert "deadline" in figure


def test_the_pair_and_a_request_are_drawn() -> None:
    """Where the demo kept them: one real request, and the joint plan's blocks and clocks, named by the objective."""
    pairs = planned_pairs([planned(Policy.JOINT), planned(Policy.ALL_EDGE)])
    front = front_steps("total", pairs)
    report = demo_report([replace(EVERY_POLICY, request=LEDGER, front=front)], story=STORY, pairs=pairs)
    names = [chart.name for chart in report.charts]
    assert names == ["front-total", "joules-total", "request-total", "blocks-total", "clocks-total"]
    (panel,) = report.charts[0].panels
    line = panel.layers[0]
    assert isinstance(line, Line)
    assert line.x == tuple(1e3 * step.latency_bound_s for step in front)
    assert len(line.x) > 1
    assert front_steps("battery", pairs) == ()


def test_the_sweep_ends_where_nothing_is_feasible() -> None:
    """A line has no point at a bandwidth without a plan, and millijoules at the others."""
    (panel,) = sweep_chart("battery", [SPLIT_ROW, INFEASIBLE_ROW]).panels
    lines = {line.name: line for line in panel.layers if isinstance(line, Line)}
    assert lines["joint"].x == (1.0, 25.0)
    assert lines["joint"].y == (None, 80.0)
    assert lines["all on the server"].y == (None, 160.0)


def test_joules_are_stacked_by_where_they_are_drawn() -> None:
    """Edge without its radio, radio, server: each begins where the one before ends."""
    (panel,) = joules_chart(EVERY_POLICY).panels
    edge, radio, server = (layer for layer in panel.layers if isinstance(layer, Bars))
    assert (edge.values[0], radio.values[0], server.values[0]) == pytest.approx((80.0, 5.5, 14.4))
    assert (radio.starts[0], server.starts[0]) == pytest.approx((80.0, 85.5))


def test_the_typical_request_is_of_the_joint_plan() -> None:
    """Of an even number of requests the lower middle one, of the configuration that the joint policy came to."""
    joint = planned(Policy.JOINT)
    run = metered_run([0.03, 0.01, 0.04, 0.02])
    request = typical_request(TOTAL, [planned(Policy.ALL_EDGE), joint], {joint.configuration: run})
    assert request is run.requests[3].ledger
    assert typical_request(TOTAL, [planned(Policy.ALL_EDGE)], {}) is None


def test_texts_are_escaped(page: str, reader: PageReader) -> None:
    """The story and the sentence stand on the page as they are."""
    text = " ".join(reader.text)
    assert STORY in text
    assert SENTENCE in text
    assert "A camera &lt;sees&gt; &amp; waits" in page
