"""The reproduction on a terminal: claim, tables, and where ours differs."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.headlines import headlines
from joulecut.reproduction.narrative import NARRATIVES
from joulecut.reproduction.views import Cell, View, views


def print_reproduction(result: Reproduction, console: Console) -> None:
    """Every case: what was claimed, what came out, why it differs. Numbers in brackets are rows of the CSV files."""
    tables = views(result)
    for told in NARRATIVES:
        console.rule(f"[bold]{escape(told.title)}")
        console.print(f"[bold]claimed[/bold] {escape(told.claim)} ({escape(told.source)})")
        console.print(f"[bold]done[/bold] {escape(told.done)}\n")
        for view in tables:
            if view.case is told.case:
                print_whole(console, _table(view))
        console.print("[bold]where ours differs, and why[/bold]")
        for reason in told.differs:
            console.print(f"- {escape(reason)}")
    console.rule("[bold]In short")
    for sentence in headlines(result.findings):
        console.print(f"- {_text(sentence)}")


def _table(view: View) -> Table:
    table = Table(title=view.title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for index, column in enumerate(view.columns):
        table.add_column(column, justify="right" if index else "left", overflow="fold")
    for row in view.rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def _text(cell: Cell) -> str:
    refs = f" [dim]({', '.join(cell.refs)})[/dim]" if cell.refs else ""
    return f"{escape(cell.text)}{refs}"
