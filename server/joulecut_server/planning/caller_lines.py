"""Who is next: each caller waits in a line of its own, and the one that has had the least of the time goes first.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) by measured seconds: a caller's next piece of work starts
at the virtual time at which its last one ended, or now if it had nothing waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST_LINES = 1024
"""Callers with nothing under way are forgotten beyond this: all but the half of so many that have had the most."""


@dataclass(slots=True, eq=False)
class CallerLine(Generic[T]):
    """One caller's work. `under_way`: pieces that wait or run; `finish_s`: virtual seconds."""

    under_way: int = 0
    finish_s: float = 0.0
    waiting: deque[T] = field(default_factory=deque)


class CallerLines(Generic[T]):
    """Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, CallerLine[T]] = {}
        self._virtual_s = 0.0

    def of(self, who: Hashable) -> CallerLine[T]:
        """The line of a caller."""
        if who not in self._lines and len(self._lines) >= _MOST_LINES:
            self._forget()
        return self._lines.setdefault(who, CallerLine())

    def crowded(self, mine: CallerLine[T]) -> CallerLine[T] | None:
        """Which line gives up its newest for one more of `mine`; None where each has as few under way."""
        waiting = [each for each in self._lines.values() if each.waiting]
        longest = max(waiting, key=lambda each: each.under_way, default=mine)
        return longest if longest.under_way > mine.under_way + 1 else None

    def next(self) -> CallerLine[T] | None:
        """The line whose first piece is to run now; None where nobody waits."""
        line = min(
            (each for each in self._lines.values() if each.waiting),
            key=lambda each: max(each.finish_s, self._virtual_s),
            default=None,
        )
        if line is not None:
            self._virtual_s = max(line.finish_s, self._virtual_s)
        return line

    def charge(self, line: CallerLine[T], seconds: float) -> None:
        """A piece of that line's work has taken so long."""
        line.finish_s = max(line.finish_s, self._virtual_s) + seconds

    def _forget(self) -> None:
        by_seconds = sorted(self._lines.items(), key=lambda item: item[1].finish_s)
        self._lines = dict(by_seconds[-_MOST_LINES // 2 :]) | {who: line for who, line in by_seconds if line.under_way}
