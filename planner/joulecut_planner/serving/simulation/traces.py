"""When requests come: arrivals with their edges, scaled to another rate, delayed by links, as what a server sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from joulecut_core.serving import QueuedRequest
from joulecut_planner.choices.grids import Array

_T = TypeVar("_T")

_NO_EDGE = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrivalTrace:
    """Requests by the time at which they reach the server.

    `sent_s` is when they left their edges: equal to `arrival_s` without a link between. Times start at 0 with the
    first that was sent. `edges`, `entries` and `priorities` are of equal length, or empty where all are alike.
    Raises ValueError where lengths differ, or times are not finite, at least 0 and ascending.
    """

    sent_s: Array
    arrival_s: Array
    edges: Sequence[str] = ()
    entries: Sequence[int] = ()
    priorities: Sequence[int] = ()

    def __post_init__(self) -> None:
        count = len(self.arrival_s)
        for name, values in (
            ("sent_s", self.sent_s),
            ("edges", self.edges),
            ("entries", self.entries),
            ("priorities", self.priorities),
        ):
            if len(values) not in ({count} if name == "sent_s" else {0, count}):
                raise ValueError(f"{name}: {len(values)} values; expected one for each of {count} requests")
        if not (np.isfinite(self.arrival_s).all() and (self.sent_s >= 0.0).all()):
            raise ValueError("a time is negative or not finite; expected seconds from 0 on")
        if (np.diff(self.arrival_s) < 0.0).any() or (self.arrival_s < self.sent_s).any():
            raise ValueError("arrivals are not in order of time, or before they were sent")

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def span_s(self) -> float:
        """Seconds from the first to the last request sent; 0 without requests."""
        return float(self.sent_s.max() - self.sent_s.min()) if len(self) else 0.0

    @property
    def rate_hz(self) -> float:
        """Mean rate: gaps over the time that they fill; NaN where all are sent at once, or nearly."""
        rate_hz = (len(self) - 1) / self.span_s if self.span_s > 0.0 else math.inf
        return rate_hz if rate_hz < math.inf else math.nan

    @property
    def gap_variation(self) -> float:
        """Coefficient of variation of the gaps between requests: 0 periodic, 1 Poisson; NaN where there are none."""
        gaps = np.diff(np.sort(self.sent_s))
        return float(gaps.std() / gaps.mean()) if len(gaps) and gaps.mean() > 0.0 else math.nan

    @property
    def edge_names(self) -> tuple[str, ...]:
        """The distinct edges, sorted."""
        return tuple(sorted(set(self.edges)))

    def first(self, count: int) -> ArrivalTrace:
        """The first `count` requests."""
        return ArrivalTrace(
            sent_s=self.sent_s[:count],
            arrival_s=self.arrival_s[:count],
            edges=self.edges[:count],
            entries=self.entries[:count],
            priorities=self.priorities[:count],
        )

    def quicker(self, factor: float) -> ArrivalTrace:
        """The same requests at `factor` times the rate. Raises ValueError unless it is finite and above 0."""
        if not 0.0 < factor < math.inf:
            raise ValueError(f"factor {factor}; expected a finite number above 0")
        with np.errstate(over="ignore"):
            # What is too late for a number is refused as no time.
            return replace(self, sent_s=self.sent_s / factor, arrival_s=self.arrival_s / factor)

    def at_rate(self, rate_hz: float) -> ArrivalTrace:
        """The same requests at a mean rate. Raises ValueError where they have none, being sent at once."""
        if math.isnan(self.rate_hz):
            sent = "a single request has" if len(self) == 1 else f"{len(self)} requests sent at once have"
            raise ValueError(f"{sent} no rate; expected two at different times")
        return self.quicker(rate_hz / self.rate_hz)

    def delayed(self, delivered_s: Callable[[str, Array], Array]) -> ArrivalTrace:
        """The same requests behind links: `delivered_s(edge, sent)` says when what an edge sends arrives."""
        arrival_s = self.sent_s.copy()
        if self.edges:
            names = np.array(self.edges, dtype=object)
            for edge in self.edge_names:
                mine = names == edge
                arrival_s[mine] = delivered_s(edge, self.sent_s[mine])
        else:
            arrival_s = delivered_s(_NO_EDGE, self.sent_s)
        order = np.argsort(arrival_s, kind="stable").tolist()
        return ArrivalTrace(
            sent_s=self.sent_s[order],
            arrival_s=arrival_s[order],
            edges=_ordered(self.edges, order),
            entries=_ordered(self.entries, order),
            priorities=_ordered(self.priorities, order),
        )

    def requests(self, slo_s: float) -> Iterator[QueuedRequest]:
        """What the server sees; a deadline is `slo_s` after the request was sent. Ids count from 0."""
        count = len(self)
        # Plain numbers: arithmetic on NumPy's scalars is several times slower.
        arrivals_s, deadlines_s = self.arrival_s.tolist(), (self.sent_s + slo_s).tolist()
        entries, edges = self.entries or (0,) * count, self.edges or (_NO_EDGE,) * count
        priorities = self.priorities or (0,) * count
        return map(QueuedRequest, range(count), arrivals_s, deadlines_s, entries, edges, priorities)


def trace_of(sent_s: Array) -> ArrivalTrace:
    """Requests of one unnamed edge next to the server, from the times at which they are sent, which are moved to 0."""
    from_zero_s = sent_s - sent_s[0] if len(sent_s) else sent_s
    return ArrivalTrace(sent_s=from_zero_s, arrival_s=from_zero_s)


def _ordered(values: Sequence[_T], order: list[int]) -> tuple[_T, ...]:
    return tuple(values[index] for index in order) if values else ()
