"""What a command says on standard error while it works: bars with the time left, steps, notes.

Bars and spinners are for people who watch: there are none where standard error is no terminal, and none beside
`--json` or `--quiet`. Notes, such as the files that were written, are kept back by `--quiet` alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from joulecut_runtime.profiling.progress import ProgressSink


class Narrator:
    """Tells the person at the terminal how far a command is. `console`: standard error unless a test says otherwise."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, console: Console | None = None) -> None:
        # The stream of now: capture mutes standard error meanwhile, and a spinner's frames must not go through that.
        self._console = console or Console(file=sys.stderr)
        self._quiet = quiet
        self._watched = self._console.is_terminal and not (as_json or quiet)

    def note(self, text: str) -> None:
        """One line that stays."""
        if not self._quiet:
            self._console.print(escape(text), soft_wrap=True, highlight=False)

    @contextmanager
    def bar(self, doing: str) -> Iterator[ProgressSink]:
        """A bar with what is done, the share, the time left; gone when done."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[what]}"),
        )
        with Progress(*columns, console=self._console, transient=True, disable=not self._watched) as progress:
            yield _Bar(progress, progress.add_task(escape(doing), total=None, what=""))

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """A spinner with the time gone, for what nobody knows the length of; gone when done."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._watched) as progress:
            progress.add_task(escape(doing), total=None)
            yield


class _Bar:
    """A progress sink that moves a bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int, what: str) -> None:
        # A bar without a total moves to and fro: 0 is what nobody knows yet.
        self._progress.update(self._task, completed=done, total=total or None, what=escape(what))
