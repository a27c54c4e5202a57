"""`fixed`: the highest clock, always; all that wait run at once, up to the largest batch that holds the deadline.

No publication: a server as it is set up by hand. Its batch limit is the largest that takes at most half of a
request's time, so that a request which finds a batch running can still wait for it and be in time itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import Launch, QueuedRequest, Rest
from joulecut_planner.serving.policies.deadlines import DeadlinePolicy, batch_size, within

BATCHES_PER_SLO = 2.0


class Fixed(DeadlinePolicy):
    """The highest operating point, full precision."""

    def __init__(self, table: ServiceTable, *, rejects_late: bool = True) -> None:
        super().__init__("fixed", table, rejects_late=rejects_late)

    def limit(self) -> int:
        """The largest batch that takes half of the tightest service level."""
        return within(self.seconds(0, self.costs.top), self.slo_s / BATCHES_PER_SLO)

    def order(self, now_s: float, waiting: Sequence[QueuedRequest], held: int) -> Launch | Rest:
        """Run what waits."""
        top, limit = self.costs.top, self.limit()
        seconds = self.seconds(0, top, self.entry(waiting, min(len(waiting), limit)))
        start_s = now_s + (self.table.switch_s if held != top else 0.0)
        return self.launch(batch_size(start_s, waiting, seconds, limit)[0], 0, top)
