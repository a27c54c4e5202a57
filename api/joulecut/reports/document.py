"""A page that stands alone: text, tables and charts, nothing loaded from anywhere, at home on a phone and on paper."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from joulecut.reports import interactive
from joulecut.reports.charts import Chart
from joulecut.reports.stills import Still, still

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6670; --paper: #fff; --rule: #dde3ea; --mark: #eaf3fb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e9f0; --soft: #a2adb9; --paper: #12181f; --rule: #2c3743; --mark: #1a2b3a; }
}
@media print { :root { --ink: #000; --soft: #333; --paper: #fff; --rule: #bbb; --mark: #eee; } }
body { font: 15px/1.55 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper); overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
.scroll { overflow-x: auto; } img { max-width: 100%; } figure { margin: 1.2rem 0; break-inside: avoid; }
figcaption, caption { color: var(--soft); font-size: 0.85rem; }
figcaption strong { color: var(--ink); font-size: 0.95rem; display: block; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; margin: 0.6rem 0 1.2rem; }
caption { text-align: left; padding: 0.4rem 0; }
caption span { display: block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
table:not(.words) td.long { min-width: 13rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child { text-align: left; } .words td, .words th { text-align: left; }
.ref, .ref a { color: var(--soft); font-size: 0.85em; text-decoration: none; }
.claim { border-left: 3px solid #0072b2; padding-left: 0.8rem; } .caveat { color: var(--soft); font-style: italic; }
tr.marked { font-weight: 600; background: var(--mark); }
img.still { background: #fff; border-radius: 4px; }
.js-plotly-plot { width: 100%; }
.js-plotly-plot [class*="tick"] text, .js-plotly-plot .legendtext, .js-plotly-plot .annotation-text,
.js-plotly-plot .cbaxis text, .js-plotly-plot [class*="title"] { fill: var(--ink) !important; }
@media print { .scroll { overflow: visible; } table { font-size: 0.65rem; } }
"""
_LONG_CELL = 48
"""Characters; shorter texts may fold as narrow as their column."""
# Said to the browser too: nothing is fetched, whatever the page holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A caption, columns and rows of texts. `marked`: rows that stand out; `words`: cells are read, not compared."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Sentences below each other."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """HTML of a page's own making, whose texts are escaped already."""

    html: str


Block = str | Items | Table | Chart | Markup
"""A paragraph, a list, a table, a picture, or what a page needs beyond them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A title, a paragraph that says what this is, and sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The pictures, in their order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Chart))


def page(report: Report) -> str:
    """The page with pictures that answer to a pointer. Raises ConfigError where plotly is not installed."""
    head = f"<script>{interactive.script()}</script>" if report.charts else ""
    return shell(report.title, "".join(_body(report, interactive.drawn)), head=head)


def stills(report: Report) -> dict[str, bytes]:
    """The pictures as PNG files, by their names. Raises ConfigError where matplotlib is not installed."""
    return {chart.name: still(chart, Still.PNG) for chart in report.charts}


def still_page(report: Report, drawn: Mapping[str, bytes]) -> str:
    """The page with still pictures and no script, small. `drawn`: what `stills` gives for it."""
    return shell(report.title, "".join(_body(report, lambda chart: _still(chart, drawn[chart.name]))))


def shell(title: str, body: str, *, head: str = "") -> str:
    """A whole page around `body`; all but the title are HTML.

    Bytes of a file's name that are no UTF-8 come as signs that nothing can write: here they are question marks.
    """
    whole = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>{head}</head><body>{body}</body></html>\n"
    )
    return whole.encode(errors="replace").decode()


def table_html(table: Table) -> str:
    """A table as HTML, in a box of its own that scrolls where the page is narrow."""
    columns = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    rows = "".join(
        ("<tr class='marked'>" if index in table.marked else "<tr>")
        + "".join(cell_html(cell) for cell in row)
        + "</tr>"
        for index, row in enumerate(table.rows)
    )
    kind = " class='words'" if table.words else ""
    head, body = f"<thead><tr>{columns}</tr></thead>", f"<tbody>{rows}</tbody>"
    return f"<div class='scroll'><table{kind}>{caption_html(table.caption)}{head}{body}</table></div>"


def caption_html(caption: str) -> str:
    """A table's caption as HTML, folded to the page's width however wide the table; empty for none."""
    return f"<caption><span>{html.escape(caption)}</span></caption>" if caption else ""


def cell_html(cell: str, inline: Callable[[str], str] = html.escape) -> str:
    """A table's cell as HTML, kept wide enough to read where it is a sentence."""
    return f"<td{' class=long' * (len(cell) > _LONG_CELL)}>{inline(cell)}</td>"


def _body(report: Report, draw: Callable[[Chart], str]) -> Iterator[str]:
    yield f"<h1>{html.escape(report.title)}</h1><p>{html.escape(report.lead)}</p>"
    for section in report.sections:
        yield f"<h2>{html.escape(section.title)}</h2>"
        for block in section.blocks:
            yield _block(block, draw)


def _block(block: Block, draw: Callable[[Chart], str]) -> str:
    if isinstance(block, str):
        return f"<p>{html.escape(block)}</p>"
    if isinstance(block, Items):
        return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in block.lines)}</ul>"
    if isinstance(block, Table):
        return table_html(block)
    if isinstance(block, Markup):
        return block.html
    title, caption = html.escape(block.title), html.escape(block.caption)
    return f"<figure>{draw(block)}<figcaption><strong>{title}</strong>{caption}</figcaption></figure>"


def _still(chart: Chart, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f"<img class='still' alt='{html.escape(chart.title)}' src='data:image/png;base64,{data}'>"
