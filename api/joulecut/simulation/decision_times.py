"""How long a policy takes to decide, on the machine that simulates."""

from __future__ import annotations

from array import array
from time import perf_counter

import numpy as np

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest, ServerView, ServingPolicy


class TimedPolicy:
    """A policy that does what another does, and notes the seconds of each decision."""

    def __init__(self, policy: ServingPolicy) -> None:
        self.name: str = policy.name
        self.table: ServiceTable = policy.table
        self._policy = policy
        self._decide = policy.decide
        self._seconds = array("d")

    def arrived(self, request: QueuedRequest) -> None:
        """Passed on; its seconds are not counted."""
        self._policy.arrived(request)

    def decide(self, view: ServerView) -> Launch | Rest:
        """The other's decision."""
        start_s = perf_counter()
        decision = self._decide(view)
        self._seconds.append(perf_counter() - start_s)
        return decision

    def join(self, view: ServerView, unit: int, batch: int) -> int:
        """Passed on; its seconds are not counted."""
        return self._policy.join(view, unit, batch)

    def completed(self, outcome: BatchOutcome) -> None:
        """Passed on; its seconds are not counted."""
        self._policy.completed(outcome)

    @property
    def decisions(self) -> int:
        """How many there were."""
        return len(self._seconds)

    def quantile_s(self, share: float) -> float | None:
        """Seconds that `share` of the decisions took at most; None without any."""
        return float(np.quantile(np.frombuffer(self._seconds), share)) if self._seconds else None
