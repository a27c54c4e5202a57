"""What plotly is given: every number of a chart, and nothing that it would take for markup."""

from __future__ import annotations

import json

from joulecut.reports.charts import Axis, Chart, Panel, Points, Rule
from joulecut.reports.interactive import drawn, figure_of
from tests.api.reports.test_document import CHART, HOSTILE
from tests.api.reports.test_stills import BARS


def traces(chart: Chart) -> list[dict[str, object]]:
    """The traces as the page holds them."""
    found: list[dict[str, object]] = json.loads(str(figure_of(chart).to_json()))["data"]
    return found


def test_bars_lie_and_begin_where_they_should() -> None:
    """Lengths along x, places along y, starts as bases; whiskers reach from the point to their end."""
    bars, points, line = traces(BARS)
    assert (bars["orientation"], bars["base"]) == ("h", [1.0, 2.0])
    assert points["error_x"] == {"array": [1.0], "arrayminus": [0.0], "thickness": 1, "type": "data"}
    assert line["showlegend"] is False


def test_blocked_cells_are_a_grey_field_of_their_own() -> None:
    """The coloured field leaves them out, so that they do not stretch its scale."""
    *_, free, grey = traces(CHART)
    assert (free["z"], grey["z"]) == ([[1.0, None]], [[None, 1.0]])


def test_names_are_text() -> None:
    """Plotly would obey some tags in its texts: none arrives there, nor one that ends the script."""
    html = drawn(CHART)
    assert HOSTILE not in html
    assert "<b>" not in html
    assert html.count("</script>") == html.count("<script")


def test_elements_have_names_of_their_own() -> None:
    """Equal charts make equal pages: no drawn ids."""
    assert 'id="chart-both"' in drawn(CHART)
    assert drawn(CHART) == drawn(CHART)


def test_words_of_a_line_stand_where_the_line_is() -> None:
    """On a logarithmic axis too, where a label at its value would stretch the axis over fourteen decades."""
    rule = Rule(at=100.0, label="deadline")
    for log, at in ((False, 100.0), (True, 2.0)):
        panel = Panel(x=Axis(label="ms", log=log), y=Axis(label="mJ"), layers=(), rules=(rule,))
        (said,) = figure_of(Chart(name="one", title="", caption="", panels=(panel,))).layout.annotations
        assert (said.text, said.x) == ("deadline", at)


def test_long_names_fold_in_the_legend() -> None:
    """A phone has no room for six policies on a line; what they are called stays whole."""
    name = "latency-cut, energy-cut, neurosurgeon-latency, dads-light, dads, clocks-then-partition"
    points = Points(name=name, x=(1.0,), y=(1.0,), colour="#000000")
    panel = Panel(x=Axis(label="ms"), y=Axis(label="mJ"), layers=(points,))
    (trace,) = traces(Chart(name="one", title="", caption="", panels=(panel,)))
    lines = str(trace["name"]).split("<br>")
    assert " ".join(lines) == name
    assert max(map(len, lines)) <= 44
