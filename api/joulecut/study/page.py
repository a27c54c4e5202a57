"""A study as one self-contained HTML page that explains itself; images are inline, nothing is loaded."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping

from joulecut.study.claims import KNOWN_OF_THE_PAPER, PAPER, UNKNOWN_OF_THE_PAPER
from joulecut.study.narrative import CAPTIONS, LAYER_NOTE, LEAD, PART_NOTE, WORDS, figures_note
from joulecut.study.rows import FindingRow, NumberRow, Study
from joulecut.study.views import (
    View,
    batch_ends,
    clocks_views,
    engines_view,
    formulas_view,
    headlines,
    kinds_view,
    layers_view,
    models_view,
    networks,
    optima_views,
)

_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
.scroll { overflow-x: auto; } img { max-width: 100%; } figure { margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; margin: 0.6rem 0 1.2rem; }
caption { text-align: left; font-weight: 600; padding: 0.4rem 0; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #dde3ea; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } .words td { text-align: left; }
.ref, .ref a { color: #66727f; font-size: 0.85em; text-decoration: none; }
.claim { border-left: 3px solid #4062bb; padding-left: 0.8rem; } .caveat { color: #7a4a00; }
"""
_REFERENCE = re.compile(r"\[([A-Z]\d+)\]")
_LINKED = frozenset("NF")
"""Rows that the page itself lists."""


def render_page(study: Study, images: Mapping[str, bytes]) -> str:
    """The whole page. `images`: PNG by name."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Energy of CNN inference on {html.escape(study.device_name)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Batch size, clock and runtime against energy: {html.escape(study.device_name)}</h1>",
        f"<p>{html.escape(LEAD)}</p>",
        *_about(study),
        "<h2>In short</h2>",
        _list(headlines(study)),
        "<h2>Words</h2>",
        _words(),
        "<h2>The paper, and what is known of it</h2>",
        *(_paragraph(text) for text in (f"{PAPER}.", KNOWN_OF_THE_PAPER, UNKNOWN_OF_THE_PAPER)),
        _view(formulas_view(study), text=True),
        "<h2>Its findings, judged here</h2>",
        *(part for finding in study.findings for part in _finding(finding)),
        "<h2>Default and best settings</h2>",
        *map(_view, (*optima_views(study), *clocks_views(study))),
        *_figure(images, "efficiency", "tradeoff"),
        "<h2>Batches and engines</h2>",
        _view(engines_view(study), text=True),
        *(_view(models_view(study, network)) for network in networks(study)),
        *_figure(images, "engines"),
        "<h2>Layers</h2>",
        _paragraph(LAYER_NOTE),
        *_layers(study),
        *_figure(images, "layer_energy", "layer_power"),
    ]
    if study.parts:
        parts += ["<h2>Parts</h2>", _paragraph(PART_NOTE)]
    parts += ["<h2>Every number of the findings and its rows</h2>", _index(study.numbers), "</body></html>\n"]
    return "".join(parts)


def _about(study: Study) -> list[str]:
    facts = [
        figures_note(study.figures),
        f"Device: {study.device} ({study.device_name}, {study.driver}). Power of: {study.power_scope}.",
        f"Weights: {'; '.join(study.weights)}. Seconds do not depend on their values, joules hardly.",
        f"Revenue ({study.revenue_name}, ours): {study.revenue_formula}. {study.slo_rule}.",
        *study.remarks,
        f"Made {study.created}.",
    ]
    legend = (
        "Small grey names such as M0001 are rows of the CSV files beside this page: M in models.csv, L in layers.csv, "
        "P in parts.csv, O in optima.csv, E in engines.csv, N in numbers.csv, F in findings.csv."
    )
    return [_list(facts), _paragraph(legend)]


def _finding(finding: FindingRow) -> list[str]:
    parts = [
        f"<h3 id='{finding.row}'>{finding.row}. {html.escape(finding.title)}: {html.escape(finding.verdict)}</h3>",
        f"<p class='claim'>{html.escape(finding.claim)} <em>{html.escape(finding.source)}</em></p>",
        f"<p><strong>Here.</strong> {_inline(finding.said)}</p>",
        f"<p><strong>Judged by.</strong> {html.escape(finding.rule)}</p>",
    ]
    if finding.caveat:
        parts.append(f"<p class='caveat'><strong>Mind.</strong> {html.escape(finding.caveat)}</p>")
    return parts


def _layers(study: Study) -> list[str]:
    views = [
        make(study, network, batch)
        for network in networks(study)
        for batch in batch_ends(study)
        for make in (kinds_view, layers_view)
    ]
    return [_view(view) for view in views if view is not None]


def _figure(images: Mapping[str, bytes], *names: str) -> list[str]:
    parts = []
    for name in names:
        if name in images:
            data, caption = base64.b64encode(images[name]).decode("ascii"), html.escape(CAPTIONS[name])
            parts.append(
                f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'>"
                f"<figcaption>{caption}</figcaption></figure>"
            )
    return parts


def _words() -> str:
    rows = "".join(f"<tr><td>{html.escape(word)}</td><td>{html.escape(said)}</td></tr>" for word, said in WORDS)
    return f"<div class='scroll'><table class='words'><tbody>{rows}</tbody></table></div>"


def _index(numbers: tuple[NumberRow, ...]) -> str:
    rows = [
        f"<td id='{each.row}'>{each.row}</td>"
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                f"<a href='#{each.finding}'>{each.finding}</a>",
                html.escape(each.of),
                html.escape(each.what),
                html.escape(each.shown),
                html.escape(f"{each.sheet}: {each.rows} ({each.row_count})"),
                html.escape(each.made),
            )
        )
        for each in numbers
    ]
    return _table("", ("row", "finding", "of", "what", "value", "rows", "made of"), rows, kind="words")


def _view(view: View, *, text: bool = False) -> str:
    rows = ["".join(f"<td>{_inline(cell)}</td>" for cell in row) for row in view.rows]
    return _table(view.title, view.columns, rows, kind="words" if text else "")


def _table(title: str, columns: tuple[str, ...], rows: list[str], *, kind: str) -> str:
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<div class='scroll'><table class='{kind}'>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _list(lines: tuple[str, ...] | list[str]) -> str:
    return f"<ul>{''.join(f'<li>{_inline(line)}</li>' for line in lines)}</ul>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _inline(text: str) -> str:
    """A text with its row names made small, linked where the row is on the page."""

    def name(found: re.Match[str]) -> str:
        row = found[1]
        inner = f"<a href='#{row}'>{row}</a>" if row[0] in _LINKED else row
        return f"<span class='ref'>{inner}</span>"

    return _REFERENCE.sub(name, html.escape(text))
