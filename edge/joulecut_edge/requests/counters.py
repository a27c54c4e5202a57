"""What an edge has answered since its start, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulecut_core.ledgers import FallbackReason, RequestLedger
from joulecut_proto.inference_messages import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Requests answered since the start. `local`: by the edge alone; `fallbacks`: of those, against the plan.

    `reasons`: the fallbacks by why. `retries`: sent a second time. `recomputed`: computed twice by a server, since the
    first answer was no longer kept. `missed`: later than the deadline of their plan. `in_time`: by a server, and not
    later than that.
    """

    requests: int = 0
    split: int = 0
    local: int = 0
    fallbacks: int = 0
    retries: int = 0
    recomputed: int = 0
    missed: int = 0
    in_time: int = 0
    reasons: Mapping[FallbackReason, int] = field(default_factory=dict)


def counted(
    was: Counters, ledger: RequestLedger, *, deadline_s: float | None, origin: Origin = Origin.COMPUTED
) -> Counters:
    """The counters with one more answered request."""
    local, reason = ledger.served_by == "edge", ledger.fallback_reason
    is_late = deadline_s is not None and ledger.seconds.total > deadline_s
    return Counters(
        requests=was.requests + 1,
        split=was.split + (not local),
        local=was.local + local,
        fallbacks=was.fallbacks + ledger.fallback,
        retries=was.retries + (ledger.attempts > 1),
        recomputed=was.recomputed + (origin is Origin.RECOMPUTED),
        missed=was.missed + is_late,
        in_time=was.in_time + (not local and not is_late),
        reasons=was.reasons if reason is None else {**was.reasons, reason: was.reasons.get(reason, 0) + 1},
    )
