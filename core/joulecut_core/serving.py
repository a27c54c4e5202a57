"""How a server decides what to run next: the words shared by serving policies, the simulator and the live agent.

    arrival, completion, timer ──▶ policy.decide(view) ──▶ Launch(requests, variant, a clock for each unit)
                                                           Rest(until, clock)      nothing to run yet
                                                           and whom to turn away, with the reason

A policy is pure: it sees times and counts, never a device or a socket, so that what is simulated is what
runs. Indices of variants, units and points are those of a `ServiceTable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from joulecut_core.service_tables import ServiceTable


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A request that has arrived whole. Times in seconds of the server's clock."""

    id: int
    arrival_s: float
    deadline_s: float
    entry: int = 0
    """The first unit that the server runs for it."""
    edge: str = ""
    priority: int = 0
    """Higher ones go first; within one priority the earliest deadline does."""


class RejectReason(str, Enum):
    """Why a request is not served; the edge then finishes by itself."""

    LATE = "late"
    """Even alone and at the highest clock it would miss its deadline."""
    FULL = "full"
    """Its queue, or its edge's share of it, is full."""
    OVERLOAD = "overload"
    """Requests that are more urgent leave no time for it."""
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request turned away, and after how many seconds trying again makes sense."""

    id: int
    reason: RejectReason
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerView:
    """What a policy sees. `waiting`, those that may run next, is ordered by priority, then deadline, then id."""

    now_s: float
    waiting: Sequence[QueuedRequest]
    point: int
    """The operating point held now."""
    arrivals: int
    """Requests that have arrived since the start, rejected ones included."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Run the first `batch` of `waiting`, or those whose ids are named, as one batch.

    `points` holds the operating point of each unit. A batch starts at the lowest entry of its members;
    one with a higher entry joins when the batch gets there.
    """

    batch: int
    variant: int
    points: tuple[int, ...]
    ids: tuple[int, ...] = ()
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """Run nothing until something arrives or `until_s` (None: until something arrives); hold `point` meanwhile."""

    point: int
    until_s: float | None = None
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """A batch that has ended: what a feedback controller learns from."""

    start_s: float
    end_s: float
    batch: int
    variant: int
    point: int
    """Of the first unit."""
    energy_j: float
    mean_response_s: float
    late: int


class ServingPolicy(Protocol):
    """Decides what a device runs. Not thread-safe; one for one device and one network."""

    @property
    def name(self) -> str:
        """As in reports and on the command line."""
        ...

    @property
    def table(self) -> ServiceTable:
        """What it decides by."""
        ...

    def arrived(self, request: QueuedRequest) -> None:
        """A request has come in; called before the first `decide` that shows it.

        One that its edge's share holds back is shown later, or never.
        """
        ...

    def decide(self, view: ServerView) -> Launch | Rest:
        """What to do now that the device is free. At most a millisecond of a host's time."""
        ...

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        """How many of the requests of `waiting` that enter at `unit` join the running batch of `batch` there.

        Asked only where some could; they are taken in their order.
        """
        ...

    def completed(self, outcome: BatchOutcome) -> None:
        """A batch has ended."""
        ...
