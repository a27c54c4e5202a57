"""What a simulated server did: answers, delays, joules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from joulecut_core.serving import RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingReport:
    """One policy's run. Joules are of the device in the table's power scope; they add up, and so do the seconds."""

    policy: str
    requests: int
    on_time: int
    late: int
    rejected: Mapping[RejectReason, int]
    busy_s: float
    idle_s: float
    switching_s: float
    busy_j: float
    idle_j: float
    """Drawn between batches, at the clock held meanwhile."""
    switching_j: float
    p50_s: float
    """Seconds from arrival to answer of the requests answered, late ones included; NaN where there are none."""
    p95_s: float
    p99_s: float
    mean_s: float
    mean_accuracy: float
    """Over the requests answered; NaN where there are none."""
    batches: int
    clock_changes: int

    @property
    def answered(self) -> int:
        """Requests that got an answer, in time or not."""
        return self.on_time + self.late

    @property
    def energy_j(self) -> float:
        """Everything drawn, idle time included."""
        return self.busy_j + self.idle_j + self.switching_j

    @property
    def duration_s(self) -> float:
        """From time 0 until the last arrival is answered or turned away."""
        return self.busy_s + self.idle_s + self.switching_s

    @property
    def energy_per_request_j(self) -> float:
        """Joules per answer, idle time included; NaN without answers."""
        return self.energy_j / self.answered if self.answered else float("nan")

    @property
    def busy_energy_per_request_j(self) -> float:
        """Joules per answer without the idle draw; NaN without answers."""
        return (self.busy_j + self.switching_j) / self.answered if self.answered else float("nan")

    @property
    def miss_rate(self) -> float:
        """Share of the requests that were late or turned away."""
        return 1.0 - self.on_time / self.requests if self.requests else 0.0

    @property
    def mean_batch(self) -> float:
        """Requests per batch; NaN without batches."""
        return self.answered / self.batches if self.batches else float("nan")


@dataclass(slots=True)
class Tally:
    """A report in the making."""

    responses_s: list[float] = field(default_factory=list)
    late: int = 0
    rejected: dict[RejectReason, int] = field(default_factory=dict)
    busy_s: float = 0.0
    idle_s: float = 0.0
    switching_s: float = 0.0
    busy_j: float = 0.0
    idle_j: float = 0.0
    switching_j: float = 0.0
    accuracy: float = 0.0
    batches: int = 0
    clock_changes: int = 0

    def report(self, policy: str) -> ServingReport:
        """The sums so far as a report."""
        answered, turned_away = len(self.responses_s), sum(self.rejected.values())
        responses_s = np.array(self.responses_s) if answered else np.array([np.nan])
        p50_s, p95_s, p99_s = np.quantile(responses_s, (0.5, 0.95, 0.99)).tolist()
        return ServingReport(
            policy=policy,
            requests=answered + turned_away,
            on_time=answered - self.late,
            late=self.late,
            rejected=dict(self.rejected),
            busy_s=self.busy_s,
            idle_s=self.idle_s,
            switching_s=self.switching_s,
            busy_j=self.busy_j,
            idle_j=self.idle_j,
            switching_j=self.switching_j,
            p50_s=p50_s,
            p95_s=p95_s,
            p99_s=p99_s,
            mean_s=float(responses_s.mean()),
            mean_accuracy=self.accuracy / answered if answered else float("nan"),
            batches=self.batches,
            clock_changes=self.clock_changes,
        )
