"""How far the latest crossings were from what the link's estimate said of them."""

from __future__ import annotations

from collections import deque

from joulecut_core.links import LinkEstimate

_KEPT = 5_000
"""Enough for a generalised Pareto tail above the 99th percentile, which takes 3,100."""


class Crossings:
    """Measured minus predicted seconds of single crossings, both ways together, against one estimate at a time."""

    def __init__(self) -> None:
        self._link: LinkEstimate | None = None
        self._excess_s: deque[float] = deque(maxlen=_KEPT)

    def add(self, link: LinkEstimate, *, predicted_s: float, measured_s: float) -> None:
        """Take one crossing; another estimate starts anew."""
        if link != self._link:
            self._link = link
            self._excess_s.clear()
        self._excess_s.append(measured_s - predicted_s)

    def excess_s(self, link: LinkEstimate) -> tuple[float, ...]:
        """What was seen against this estimate, in the order of time; nothing where it is another one."""
        return tuple(self._excess_s) if link == self._link else ()
