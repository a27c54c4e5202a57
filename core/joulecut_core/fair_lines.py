"""Who is next: everybody waits in a line of his own, and the one that has had the least of the time goes first.

    a  ▢ ▢ ▢ ▢ ▢ ─┐
    b  ▢          ─┼─▶ the one that has had the least
    c  ▢ ▢        ─┘

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) by measured seconds: somebody's next piece of work starts
at the virtual time at which his last one ended, or now if he had nothing waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST_LINES = 1024
"""Who has nothing under way is forgotten beyond this: all but the half of so many that have had the most."""


@dataclass(slots=True, eq=False)
class FairLine(Generic[T]):
    """One's work. `under_way`: pieces that wait or run; `finish_s`: virtual seconds."""

    under_way: int = 0
    finish_s: float = 0.0
    waiting: deque[T] = field(default_factory=deque)
    since: int = 0
    """Of lines that have had as much, the one that was served or came longest ago is next."""


class FairLines(Generic[T]):
    """Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, FairLine[T]] = {}
        self._virtual_s = 0.0
        self._events = 0

    def __len__(self) -> int:
        return len(self._lines)

    def of(self, who: Hashable) -> FairLine[T]:
        """The line of somebody."""
        if who not in self._lines and len(self._lines) >= _MOST_LINES:
            self._forget()
        return self._lines.setdefault(who, FairLine())

    def enter(self, line: FairLine[T], piece: T) -> None:
        """One more piece waits."""
        if not line.waiting:
            self._mark(line)
        line.waiting.append(piece)
        line.under_way += 1

    def leave(self, line: FairLine[T], piece: T) -> None:
        """A piece has ended, or is given up: where it waits still, it is forgotten now, as it may be large."""
        line.under_way -= 1
        if piece in line.waiting:
            line.waiting.remove(piece)

    def crowded(self, mine: FairLine[T]) -> FairLine[T] | None:
        """Which line gives up its newest for one more of `mine`; None where each has as few under way."""
        waiting = [each for each in self._lines.values() if each.waiting]
        longest = max(waiting, key=lambda each: each.under_way, default=mine)
        return longest if longest.under_way > mine.under_way + 1 else None

    def next(self) -> T | None:
        """The piece that is to run now; None where nobody waits."""
        line = min(
            (each for each in self._lines.values() if each.waiting),
            key=lambda each: (max(each.finish_s, self._virtual_s), each.since),
            default=None,
        )
        if line is None:
            return None
        self._virtual_s = max(line.finish_s, self._virtual_s)
        self._mark(line)
        return line.waiting.popleft()

    def charge(self, line: FairLine[T], seconds: float) -> None:
        """A piece of that line has taken so long."""
        line.finish_s = max(line.finish_s, self._virtual_s) + seconds

    def _mark(self, line: FairLine[T]) -> None:
        self._events += 1
        line.since = self._events

    def _forget(self) -> None:
        by_seconds = sorted(self._lines.items(), key=lambda item: item[1].finish_s)
        self._lines = dict(by_seconds[-_MOST_LINES // 2 :]) | {who: line for who, line in by_seconds if line.under_way}
