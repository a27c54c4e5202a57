"""How far a long call is, told to a function of the application's."""

from __future__ import annotations

from collections.abc import Callable

from joulecut_runtime.profiling.progress import ProgressSink, Silence

Progress = Callable[[int, int, str], object]
"""Called with the steps done, the steps in all, and a few words on the last one."""


class _Told:
    """A sink that calls a function."""

    def __init__(self, told: Progress) -> None:
        self._told = told

    def advance(self, done: int, total: int, what: str) -> None:
        """Hand it on."""
        self._told(done, total, what)


def progress_sink(progress: Progress | None) -> ProgressSink:
    """What measurements tell; silence where nobody listens."""
    return Silence() if progress is None else _Told(progress)
