"""Pictures as files: valid, repeatable, whatever names are in them."""

from __future__ import annotations

import struct
from xml.etree import ElementTree as ET

import pytest

from joulecut.reports.charts import Axis, Bars, Cells, Chart, Line, Panel, Points, Rule, Shape
from joulecut.reports.stills import Still, still
from tests.api.reports.test_document import CHART

BARS = Chart(
    name="bars",
    title="bars",
    caption="",
    panels=(
        Panel(
            x=Axis(label="ms", log=True),
            y=Axis(label="", ticks=((0.0, "$a_b$"), (1.0, "_hidden")), downwards=True),
            layers=(
                Bars(name="_underscored", places=(0.0, 1.0), values=(1.0, 2.0), starts=(1.0, 2.0), colour="#0072b2"),
                Points(
                    name="whiskers", x=(1.0,), y=(0.0,), reach=(2.0,), colour="#009e73", shape=Shape.STAR, hollow=True
                ),
                Line(name="", x=(1.0, 2.0), y=(0.0, 1.0), colour="#8a94a0", step=True, dashed=True, dots=True),
            ),
            rules=(Rule(at=1.0, label="level", level=True),),
            sideways=True,
        ),
    ),
)


@pytest.mark.parametrize("chart", [BARS, CHART], ids=["bars", "hostile"])
def test_png(chart: Chart) -> None:
    """A PNG of a readable size, and the same again for the same chart."""
    content = still(chart, Still.PNG)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 600
    assert height > 250
    assert still(chart, Still.PNG) == content


@pytest.mark.parametrize("chart", [BARS, CHART], ids=["bars", "hostile"])
def test_svg(chart: Chart) -> None:
    """SVG that parses, with its words as words, and the same again for the same chart."""
    content = still(chart, Still.SVG)
    root = ET.fromstring(content.decode())  # noqa: S314 - of our own making
    assert root.tag.endswith("svg")
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert still(chart, Still.SVG) == content


@pytest.mark.parametrize(("low", "high"), [(1.0, 200.0), (0.002, 0.008), (3.0, 4e6)])
def test_logarithmic_axes_show_plain_numbers(low: float, high: float) -> None:
    """Without mathematics a tick is a number, not the source of a formula."""
    line = Line(name="", x=(low, high), y=(low, high), colour="#8a94a0")
    panel = Panel(x=Axis(label="x", log=True), y=Axis(label="y", log=True), layers=(line,))
    content = still(Chart(name="log", title="log", caption="", panels=(panel,)), Still.SVG).decode()
    words = "".join(ET.fromstring(content).itertext())  # noqa: S314 - of our own making
    assert "$" not in words
    assert "math" not in words
    assert any(mark.isdigit() for mark in words)


def test_names_are_no_mathematics_and_none_is_hidden() -> None:
    """Dollar signs stay, and a series whose name begins with an underscore is in the legend."""
    words = "".join(ET.fromstring(still(BARS, Still.SVG).decode()).itertext())  # noqa: S314 - of our own making
    assert "$a_b$" in words
    assert "_underscored" in words


def test_blocked_cells_are_hatched() -> None:
    """A field with a blocked cell has a pattern that one without has not."""

    def field(*, is_blocked: bool) -> bytes:
        cells = Cells(label="mJ", values=((1.0, 2.0),), blocked=((False, is_blocked),), notes=(("a", "b"),))
        panel = Panel(x=Axis(label="x"), y=Axis(label="y"), layers=(cells,))
        return still(Chart(name="c", title="c", caption="", panels=(panel,)), Still.SVG)

    assert b"<pattern" in field(is_blocked=True)
    assert b"<pattern" not in field(is_blocked=False)
