"""A simulation on a terminal: tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.simulation.rows import Simulation
from joulecut.simulation.views import View, about, answers_views, energy_views


def print_simulation(simulation: Simulation, console: Console) -> None:
    """What came out, load by load."""
    for line in about(simulation):
        console.print(escape(line))
    for answers, energy in zip(answers_views(simulation), energy_views(simulation), strict=True):
        console.rule(f"[bold]{escape(answers.title)}")
        print_whole(console, _table(answers))
        print_whole(console, _table(energy))


def _table(view: View) -> Table:
    table = Table(padding=(0, 1, 0, 0))
    for index, column in enumerate(view.columns):
        table.add_column(escape(column), justify="right" if index else "left", overflow="fold", no_wrap=not index)
    for row in view.rows:
        table.add_row(*map(escape, row))
    return table
