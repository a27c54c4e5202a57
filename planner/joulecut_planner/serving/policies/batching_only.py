"""`batching-only`: Clipper's adaptive batching at the highest clock (Crankshaw et al., NSDI 2017, section 4.3.1).

The limit of the batch size rises by a fixed amount until the time to process a batch exceeds the latency
objective; then it falls by 10 %. The paper leaves open the amount, and how the objective for a batch follows
from that for a query. Here: one request; and half of the query's, which may find a batch running when it
comes. Only a batch that was full raises the limit; any that takes too long lowers it.
"""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rest
from joulecut_planner.serving.policies.deadlines import ROUNDING_S, DeadlinePolicy
from joulecut_planner.serving.policies.fixed import BATCHES_PER_SLO

_BACKOFF = 0.9


class BatchingOnly(DeadlinePolicy):
    """Additive increase, multiplicative decrease of the batch limit; it knows no times of batches beforehand."""

    def __init__(self, table: ServiceTable, *, increase: float = 1.0, rejects_late: bool = True) -> None:
        """Raises ValueError for an `increase` that is none."""
        super().__init__("batching-only", table, rejects_late=rejects_late)
        if not increase > 0.0:
            raise ValueError(f"increase: {increase}; expected requests per full batch, above 0")
        self._increase = increase
        self._limit = 1.0

    def limit(self) -> int:
        """The limit as it stands."""
        return int(self._limit)

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """Run what waits, up to the limit."""
        del now_s, held
        return self.launch(min(len(waiting), self.limit()), 0, self.costs.top)

    def completed(self, outcome: BatchOutcome) -> None:
        """Raise the limit after a full batch that was quick enough, lower it after any that was not."""
        if outcome.end_s - outcome.start_s > self.slo_s / BATCHES_PER_SLO + ROUNDING_S:
            self._limit = max(1.0, self._limit * _BACKOFF)
        elif outcome.batch >= self.limit():
            self._limit = min(float(self.costs.largest), self._limit + self._increase)
