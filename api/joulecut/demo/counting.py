"""The demo's steps and requests as one progress: how many requests of all, and which step it is."""

from __future__ import annotations

from joulecut.demo.course import Reporter
from joulecut_runtime.profiling.progress import ProgressSink


class Counting:
    """Passes on to a sink what a demo reports. The total is unknown, 0, until every policy is planned."""

    def __init__(self, sink: ProgressSink) -> None:
        self._sink = sink
        self._what = ""
        self._done = self._total = 0

    @property
    def reporter(self) -> Reporter:
        """What the demo is given."""
        return Reporter(stage=self._stage, total=self._expect, answered=self._answered)

    def _stage(self, what: str) -> None:
        self._what = what
        self._tell()

    def _expect(self, total: int) -> None:
        self._done, self._total = 0, total
        self._tell()

    def _answered(self) -> None:
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        self._sink.advance(self._done, self._total, self._what)
