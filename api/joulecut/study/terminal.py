"""A study on a terminal: tables and verdicts."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.study.rows import Study
from joulecut.study.views import View, engines_view, formulas_view, headlines, models_view, networks, optima_views

_REFERENCE = re.compile(r"\[([A-Z]\d+)\]")


def print_study(study: Study, console: Console) -> None:
    """What came out. Names in brackets are rows of the CSV files."""
    console.rule(f"[bold]{escape(study.device_name)}")
    console.print(f"{study.figures} figures; power of: {escape(study.power_scope)}; {escape(study.driver)}")
    for remark in study.remarks:
        console.print(f"[bold]{escape(remark)}")
    print_whole(console, _table(engines_view(study)))
    for network in networks(study):
        print_whole(console, _table(models_view(study, network)))
    for view in (*optima_views(study), formulas_view(study)):
        print_whole(console, _table(view))
    console.rule("[bold]Claims")
    for finding in study.findings:
        console.print(f"[bold]{escape(finding.title)}: {finding.verdict}[/bold]\n  {_text(finding.said)}")
        if finding.caveat:
            console.print(f"  [dim]{escape(finding.caveat)}[/dim]")
    console.rule("[bold]In short")
    for line in headlines(study):
        console.print(f"- {_text(line)}")


def _table(view: View) -> Table:
    table = Table(title=escape(view.title), title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for index, column in enumerate(view.columns):
        table.add_column(escape(column), justify="right" if index else "left", overflow="fold")
    for row in view.rows:
        table.add_row(*map(_text, row))
    return table


def _text(text: str) -> str:
    return _REFERENCE.sub(r"[dim](\1)[/dim]", escape(text))
