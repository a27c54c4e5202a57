"""What spans say of one request on the edge.

request ─┬─ queue ─ edge part ─ encode
         ├─ server ── decode reply          once for each attempt
         └─ queue ─ local tail              where the edge finishes alone against its plan
"""

from __future__ import annotations

from dataclasses import asdict

from joulecut_core.ledgers import RequestLedger
from joulecut_core.spans import NO_SPAN, AttributeValue, Span, tell_stages
from joulecut_runtime.execution.part_runner import HeadRun, Stage

REQUEST = "request"
QUEUE = "queue"
EDGE_PART = "edge part"
ENCODE = "encode"
SERVER = "server"
LOCAL_TAIL = "local tail"


def tell_head(span: Span, run: HeadRun, *, start_s: float, queue_s: float, now_s: float) -> None:
    """The edge's part of a request that goes to a server."""
    parts = ((QUEUE, queue_s), (EDGE_PART, run.head.time_s), (ENCODE, run.encode.time_s))
    tell_stages(span, parts, start_s=start_s, until_s=now_s)


def tell_whole(span: Span, stage: Stage, *, start_s: float, queue_s: float, now_s: float) -> None:
    """A request that never left the edge."""
    tell_stages(span, ((QUEUE, queue_s), (EDGE_PART, stage.time_s)), start_s=start_s, until_s=now_s)


def tell_tail(span: Span, stage: Stage, *, start_s: float, queue_s: float, now_s: float) -> None:
    """The rest of a request whose server did not answer."""
    tell_stages(span, ((QUEUE, queue_s), (LOCAL_TAIL, stage.time_s)), start_s=start_s, until_s=now_s)


def tell_ledger(span: Span, ledger: RequestLedger) -> None:
    """How a request was answered, and where its joules went, in joules of the kind that `figures` says."""
    if span is NO_SPAN:
        return
    joules: dict[str, AttributeValue | None] = {f"{part}_j": value for part, value in asdict(ledger.joules).items()}
    reason = ledger.fallback_reason
    span.note(
        cut=ledger.cut,
        codec=ledger.codec,
        variant=ledger.variant or None,
        epoch=ledger.epoch,
        served_by=ledger.served_by,
        fallback=ledger.fallback,
        fallback_reason=None if reason is None else reason.value,
        attempts=ledger.attempts,
        figures=ledger.figures.value,
        **joules,
    )
