"""The report of a study: what it rests on, the paper's findings judged, every table, and the rows behind them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from joulecut.reports.carbon_section import carbon_section
from joulecut.reports.charts import Chart
from joulecut.reports.document import Markup, Report, Section, caption_html, cell_html
from joulecut.study.charts import study_charts
from joulecut.study.claims import KNOWN_OF_THE_PAPER, PAPER, UNKNOWN_OF_THE_PAPER
from joulecut.study.narrative import LAYER_NOTE, LEAD, PART_NOTE, WORDS, figures_note
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
from joulecut_core.carbon import CarbonTerms

_REFERENCE = re.compile(r"\[([A-Z]\d+)\]")
_LINKED = frozenset("NF")
"""Rows that the page itself lists."""


def study_report(study: Study, *, carbon: CarbonTerms | None = None) -> Report:
    """Everything on one page. Small grey names are rows of the CSV files; where there are none, of the tables."""
    charts = {chart.name: chart for chart in study_charts(study)}

    def pictures(*names: str) -> tuple[Chart, ...]:
        return tuple(charts[name] for name in names if name in charts)

    sections = [
        Section(title="About", blocks=_marked(_about(study))),
        Section(title="In short", blocks=_marked([_list(headlines(study))])),
        Section(title="Words", blocks=_marked([_words()])),
        Section(
            title="The paper, and what is known of it",
            blocks=(
                f"{PAPER}.",
                KNOWN_OF_THE_PAPER,
                UNKNOWN_OF_THE_PAPER,
                *_marked([_view(formulas_view(study), text=True)]),
            ),
        ),
        Section(
            title="Its findings, judged here",
            blocks=_marked([part for finding in study.findings for part in _finding(finding)]),
        ),
        Section(
            title="Default and best settings",
            blocks=(
                *_marked(list(map(_view, (*optima_views(study), *clocks_views(study))))),
                *pictures("efficiency", "tradeoff"),
            ),
        ),
        Section(
            title="Batches and engines",
            blocks=(
                *_marked([_view(engines_view(study), text=True)]),
                *_marked([_view(models_view(study, network)) for network in networks(study)]),
                *pictures("engines"),
            ),
        ),
        Section(
            title="Layers",
            blocks=(LAYER_NOTE, *_marked(_layers(study)), *pictures("layer_energy", "layer_power")),
        ),
    ]
    if study.parts:
        sections.append(Section(title="Parts", blocks=(PART_NOTE,)))
    if carbon is not None:
        energies_j = _energies_j(study)
        sections.append(carbon_section(energies_j, carbon, kind=study.figures, scope=study.power_scope))
    index = Section(title="Every number of the findings and its rows", blocks=_marked([_index(study.numbers)]))
    title = f"Batch size, clock and runtime against energy: {study.device_name}"
    return Report(title=title, lead=LEAD, sections=(*sections, index))


def _energies_j(study: Study) -> dict[str, float]:
    """Joules of an image at each network's default settings and at its cheapest one, where they are known."""
    found: dict[str, float] = {}
    for network in networks(study):
        rows = [row for row in study.models if row.network == network and row.image_energy_j is not None]
        defaults = {row.default_row for row in rows}
        cheapest = min(rows, key=lambda row: row.image_energy_j or 0.0, default=None)
        for row in rows:
            if row.row in defaults or row is cheapest:
                name = f"{network}, batch {row.batch}, {row.engine}, {row.clock} {row.core_mhz:g} MHz ({row.row})"
                found[name] = row.image_energy_j or 0.0
    return found


def _marked(parts: Sequence[str]) -> tuple[Markup, ...]:
    return tuple(Markup(html=part) for part in parts)


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
            )
        )
        + f"<td style='min-width: 15rem'>{html.escape(f'{each.sheet}: {each.rows} ({each.row_count})')}</td>"
        + f"<td>{html.escape(each.made)}</td>"
        for each in numbers
    ]
    return _table("", ("row", "finding", "of", "what", "value", "rows", "made of"), rows, kind="words")


def _view(view: View, *, text: bool = False) -> str:
    rows = ["".join(cell_html(cell, _inline) for cell in row) for row in view.rows]
    return _table(view.title, view.columns, rows, kind="words" if text else "")


def _table(title: str, columns: tuple[str, ...], rows: list[str], *, kind: str) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<div class='scroll'><table class='{kind}'>{caption_html(title)}<thead><tr>{head}</tr></thead>"
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
