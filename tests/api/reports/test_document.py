"""The page around everything: whole, alone, and true to its texts."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest

from joulecut.reports.charts import Axis, Cells, Chart, Line, Panel, Points, Rule
from joulecut.reports.document import Items, Markup, Report, Section, Table, page, still_page, stills
from tests.api.reports.page_reader import read_page

HOSTILE = "<script>alert('1')</script>&\"<b>"
CHART = Chart(
    name="both",
    title=HOSTILE,
    caption=f"Figures: measured {HOSTILE}.",
    panels=(
        Panel(
            x=Axis(label=HOSTILE, ticks=((0.0, HOSTILE),)),
            y=Axis(label="mJ"),
            layers=(
                Line(name=HOSTILE, x=(0.0, 1.0), y=(1.0, None), colour="#0072b2"),
                Points(name="p", x=(1.0,), y=(2.0,), colour="#0072b2", notes=(HOSTILE,)),
            ),
            rules=(Rule(at=0.5, label=HOSTILE),),
        ),
        Panel(
            x=Axis(label="column"),
            y=Axis(label="row"),
            layers=(Cells(label=HOSTILE, values=((1.0, 2.0),), blocked=((False, True),), notes=((HOSTILE, "n"),)),),
        ),
    ),
)
REPORT = Report(
    title=HOSTILE,
    lead=f"Lead {HOSTILE}",
    sections=(
        Section(
            title=f"Section {HOSTILE}",
            blocks=(
                f"Paragraph {HOSTILE}",
                Items(lines=(f"Item {HOSTILE}",)),
                Table(
                    caption=f"Caption {HOSTILE}",
                    columns=(f"Column {HOSTILE}",),
                    rows=((f"Cell {HOSTILE}",), ("1.25",)),
                    marked=frozenset({1}),
                ),
                Markup(html="<p>own <em>markup</em></p>"),
                CHART,
            ),
        ),
    ),
)


@pytest.mark.parametrize("made", [page, still_page])
def test_a_page_stands_alone(made: object) -> None:
    """Tags close in order, nothing is loaded, and the browser is told to load nothing."""
    text = page(REPORT) if made is page else still_page(REPORT, stills(REPORT))
    reader = read_page(text)
    assert reader.open == []
    assert reader.loads == []
    assert "default-src 'none'" in text
    assert "@import" not in text


def test_texts_are_shown_as_they_are() -> None:
    """Hostile names are text wherever they stand: only the two charts' own scripts and the library's run."""
    text = page(REPORT)
    reader = read_page(text)
    for word in ("Lead", "Section", "Paragraph", "Item", "Caption", "Column"):
        assert f"{word} {HOSTILE}" in "".join(reader.text)
    assert [f"Cell {HOSTILE}"] in reader.rows
    assert ["1.25"] in reader.rows
    assert "<tr class='marked'><td>1.25</td>" in text
    assert "<p>own <em>markup</em></p>" in text
    assert "alert('1')</script>" not in text
    assert reader.scripts == read_page(page(Report(title="t", lead="l", sections=_only(CHART)))).scripts


def test_a_page_without_pictures_is_small() -> None:
    """The library of pictures comes with pictures only."""
    text = page(Report(title="t", lead="l", sections=(Section(title="s", blocks=("words",)),)))
    assert len(text) < 10_000
    assert read_page(text).scripts == 0


def test_a_still_page_runs_nothing() -> None:
    """Pictures are inline PNG."""
    drawn = stills(REPORT)
    text = still_page(REPORT, drawn)
    assert read_page(text).scripts == 0
    (png,) = drawn.values()
    assert png.startswith(b"\x89PNG")
    assert text.count(f"src='data:image/png;base64,{base64.b64encode(png).decode()}'") == 1


def test_captions_stand_below_their_pictures() -> None:
    """How figures were obtained is said at each of them."""
    assert "Figures: measured" in "".join(read_page(page(REPORT)).text)


def _only(chart: Chart) -> tuple[Section, ...]:
    return (Section(title="s", blocks=(chart,)),)


def test_a_name_that_is_no_utf_8_is_shown_with_question_marks() -> None:
    """A page about a file of an older system can be written all the same."""
    named = replace(REPORT, title=os.fsdecode(b"gare-\xe9.json"))
    for text in (page(named), still_page(named, stills(named))):
        assert b"<title>gare-?.json</title>" in text.encode()
