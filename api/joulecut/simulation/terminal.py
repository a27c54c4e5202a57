"""A simulation on a terminal: a bar with the time left while it runs, then tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from joulecut.simulation.rows import Simulation
from joulecut.simulation.views import View, about, answers_views, energy_views
from joulecut_runtime.progress import ProgressSink

_LEAST_WIDTH = 160


@contextmanager
def progress_bar(console: Console, doing: str) -> Iterator[ProgressSink]:
    """A bar with the time left, gone when done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, progress.add_task(doing, total=None, what=""))


def print_simulation(simulation: Simulation, console: Console) -> None:
    """What came out, load by load."""
    wide = Console(file=console.file, width=max(console.width, _LEAST_WIDTH))
    for line in about(simulation):
        wide.print(escape(line))
    for answers, energy in zip(answers_views(simulation), energy_views(simulation), strict=True):
        wide.rule(f"[bold]{escape(answers.title)}")
        wide.print(_table(answers))
        wide.print(_table(energy))


class _Bar:
    """A progress sink that moves the bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int, what: str) -> None:
        self._progress.update(self._task, completed=done, total=total, what=what)


def _table(view: View) -> Table:
    table = Table(padding=(0, 1, 0, 0))
    for index, column in enumerate(view.columns):
        table.add_column(escape(column), justify="right" if index else "left", overflow="fold", no_wrap=not index)
    for row in view.rows:
        table.add_row(*map(escape, row))
    return table
