"""What utilisation is a share of: the rate that a device sustains at its highest clock, every request in time.

A server that runs what waits as soon as it is free holds a request for the batch that runs when it comes, and for
its own. Batches of n therefore keep a deadline for certain while two of them fit in it, and then serve n/t(n) per
second. The capacity is the most of that over n, in full precision, the clock at the top throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.costs import ServiceCosts

_BATCHES_PER_DEADLINE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Requests per second, the batch that reaches it, and whether two such batches fit in the deadline."""

    rate_hz: float
    batch: int
    keeps_deadline: bool


def capacity(table: ServiceTable, slo_s: float) -> Capacity:
    """The sustainable rate for a deadline of `slo_s`; that of batches of one where not even two of those fit."""
    costs = ServiceCosts(table)
    times_s = {batch: costs.time_s(0, batch, costs.top) for batch in range(1, costs.largest + 1)}
    fitting = [batch for batch, time_s in times_s.items() if _BATCHES_PER_DEADLINE * time_s <= slo_s]
    best = max(fitting or [1], key=lambda batch: batch / times_s[batch])
    return Capacity(rate_hz=best / times_s[best], batch=best, keeps_deadline=bool(fitting))
