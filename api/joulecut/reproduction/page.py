"""The reproduction as one self-contained HTML page that explains itself; images are inline."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping

from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.findings import Case, Finding
from joulecut.reproduction.headlines import headlines
from joulecut.reproduction.narrative import LEAD, NARRATIVES, WORDS, Narrative
from joulecut.reproduction.views import Cell, View, views

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
.scroll { overflow-x: auto; } img { max-width: 100%; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.4rem 0; }
caption span { display: block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #dde3ea; vertical-align: top; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
.ref, .ref a { color: #66727f; font-size: 0.85em; text-decoration: none; }
.claim { border-left: 3px solid #4062bb; padding-left: 0.8rem; }
"""

_FIGURES: Mapping[Case, tuple[tuple[str, str], ...]] = {
    Case.LOCAL: (
        (
            "local_choices",
            "Energy at every core clock, and what each model picks for energy alone (rows of local.csv).",
        ),
        (
            "local_weights",
            "What joulecut's choice saves against CPU-DVFS's (local.csv: goal=weighted, model=joulecut).",
        ),
    ),
    Case.COOPERATIVE: (
        (
            "cooperative",
            "What the plans cost when carried out, a mark for each deadline (cooperative.csv: energy_j).",
        ),
    ),
    Case.MEMORY: (("memory", "Deadlines missed when something else sets the memory clock (rows of summary.csv)."),),
}

_LEGEND = (
    "<p><strong>Labels.</strong> <em>Measured</em>: public measurements of real boards, named below with their "
    "licence. <em>Emulated</em>: read from the meter of an emulated device that executed the choice. "
    "<em>Estimated</em>: measured seconds times the watts of an emulated board. <strong>Rows.</strong> Small grey "
    "names such as S001 are rows of the CSV files beside this page: S in summary.csv, L in local.csv, C in "
    "cooperative.csv, M in memory.csv.</p>"
)


def render_page(result: Reproduction, images: Mapping[str, bytes]) -> str:
    """The whole page; it needs no network to be read. `images`: PNG by name."""
    tables = views(result)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Han et al. 2025, reproduced</title><style>{_STYLE}</style></head><body>",
        "<h1>Choosing GPU clocks with the right model: Han et al. 2025, reproduced</h1>",
        f"<p>{html.escape(LEAD)}</p>",
        "<h2>In short</h2><ul>",
        *(f"<li>{_cell(sentence)}</li>" for sentence in headlines(result.findings)),
        "</ul>",
        _LEGEND,
        "<h2>Words</h2>",
        _table("", (), ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in WORDS], kind="words"),
    ]
    for told in NARRATIVES:
        parts += _section(told, tables, images)
    parts += ["<h2>Where the tables come from</h2>", _sources(result)]
    parts += ["<h2>Every summary number and its rows</h2>", _index(result.findings), "</body></html>\n"]
    return "".join(parts)


def _section(told: Narrative, tables: tuple[View, ...], images: Mapping[str, bytes]) -> list[str]:
    parts = [
        f"<h2>{html.escape(told.title)}</h2>",
        f"<p class='claim'><strong>Claimed.</strong> {html.escape(told.claim)} <em>{html.escape(told.source)}</em></p>",
        f"<p><strong>Done here.</strong> {html.escape(told.done)}</p><h3>What came out</h3>",
        *(_view(view) for view in tables if view.case is told.case),
    ]
    for name, caption in _FIGURES[told.case]:
        if name in images:
            data = base64.b64encode(images[name]).decode("ascii")
            parts.append(
                f"<figure><img alt='{html.escape(caption)}' src='data:image/png;base64,{data}'>"
                f"<figcaption>{html.escape(caption)}</figcaption></figure>"
            )
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in told.differs)
    return [*parts, f"<h3>Where ours differs, and why</h3><ul>{reasons}</ul>"]


def _view(view: View) -> str:
    return _table(view.title, view.columns, ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in view.rows])


def _cell(cell: Cell) -> str:
    refs = ", ".join(f"<a href='#{ref}'>{ref}</a>" if ref.startswith("S") else ref for ref in cell.refs)
    return html.escape(cell.text) + (f" <span class='ref'>{refs}</span>" if refs else "")


def _sources(result: Reproduction) -> str:
    rows = [
        (
            each.name,
            f"{each.latency_kind.value} / {each.energy_kind.value}",
            each.power_scope,
            str(len(each.points)),
            each.source,
            each.licence,
        )
        for each in result.series
    ]
    columns = ("series", "latency / energy", "power of", "operating points", "source", "licence")
    return _table("", columns, ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows], kind="words")


def _index(findings: tuple[Finding, ...]) -> str:
    rows = [
        f"<td id='{each.row}'>{each.row}</td>"
        + "".join(
            f"<td>{html.escape(cell)}</td>"
            for cell in (
                f"{each.case}: {each.of}",
                each.what,
                each.shown,
                f"{each.latency_kind} / {each.energy_kind}",
            )
        )
        + f"<td style='min-width: 15rem'>{html.escape(f'{each.sheet}: {each.rows}, {each.row_count} rows')}</td>"
        for each in findings
    ]
    return _table("", ("row", "of", "what", "value", "latency / energy", "rows"), rows, kind="words")


def _table(title: str, columns: tuple[str, ...], rows: list[str], *, kind: str = "") -> str:
    caption = f"<caption><span>{html.escape(title)}</span></caption>" if title else ""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<div class='scroll'><table class='{kind}'>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
