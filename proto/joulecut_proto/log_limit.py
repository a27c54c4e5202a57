"""A bound on what callers can write into a log: so many lines of a kind in a minute, and how many more there were."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

_MOST = 60
_PERIOD_S = 60.0


class LogLimit:
    """Warns a log, for many callers. Used from an event loop."""

    def __init__(self, log: logging.Logger, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now_s = now_s
        self._until_s = 0.0
        self._lines: Counter[str] = Counter()

    def warn(self, kind: str, text: str, *values: object) -> None:
        """Log a line; beyond the bound of its kind at level DEBUG, and their number once the minute is over.

        `kind` is one of few: nothing that a caller chooses.
        """
        now_s = self._now_s()
        if now_s >= self._until_s:
            self._tell()
            self._until_s = now_s + _PERIOD_S
        self._lines[kind] += 1
        if self._lines[kind] == _MOST + 1:
            # There may be no next line that could tell.
            asyncio.get_running_loop().call_later(self._until_s - now_s, self._tell)
        self._log.log(logging.WARNING if self._lines[kind] <= _MOST else logging.DEBUG, text, *values)

    def _tell(self) -> None:
        for kind, lines in self._lines.items():
            if lines > _MOST:
                self._log.warning("%s: %d more in a minute, which only level DEBUG has", kind, lines - _MOST)
        self._lines.clear()
