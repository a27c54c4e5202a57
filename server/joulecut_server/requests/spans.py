"""What spans and the log say of one request on the server.

    edge's span ── request ── receive ─ queue ─ decode ─ server part ─ reply

Begun once the request is whole, for requests that were admitted only: who may not ask is not traced either.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from joulecut_core.clocks import OperatingPoint
from joulecut_core.request_context import ForRequest, RequestContext
from joulecut_core.spans import NO_TRACER, SpanKind, Tracer, tell_stages
from joulecut_core.timing import Clock
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError

REQUEST = "serve request"
RECEIVE = "receive"
QUEUE = "queue"
DECODE = "decode"
SERVER_PART = "server part"
REPLY = "reply"


class ServedSpan:
    """One admitted request, until its reply is sent; the log's lines inside the context manager are about it."""

    def __init__(self, spans: RequestSpans, header: RequestHeader, admitted_s: float) -> None:
        self._spans = spans
        self._context = ForRequest(
            RequestContext(request_id=header.request_id, session_id=header.session_id, epoch=header.epoch)
        )
        self._span = spans.tracer.span(
            REQUEST,
            kind=SpanKind.SERVER,
            traceparent=header.traceparent,
            began_s=admitted_s,
            request_id=header.request_id,
            session_id=header.session_id,
            epoch=header.epoch,
            cut=header.cut,
            codec=header.codec,
            attempt=header.attempt,
            received_bytes=header.total_bytes,
        )
        self._whole_s = self._answered_s = spans.clock.now_s()
        self._span.stage(RECEIVE, start_s=admitted_s, end_s=self._whole_s)

    def answered(self, reply: ReplyHeader) -> None:
        """The reply is known, and begins to be sent."""
        self._answered_s = self._spans.clock.now_s()
        self._span.note(status=reply.status.value, origin=reply.origin.value)
        if reply.status is not ReplyStatus.OK:
            self._span.failed(TurnedAwayError(reply.message, reply.status, reply.retry_after_s))
        elif reply.origin is not Origin.KEPT:
            point = self._spans.held()
            self._span.note(
                server_j=reply.server_energy_j,
                server_wait_j=reply.server_wait_j,
                figures=reply.figures.value,
                variant=reply.variant or None,
                core_mhz=None if point is None else point.core_mhz,
                memory_mhz=None if point is None else point.memory_mhz,
            )
            parts = ((QUEUE, reply.queue_s), (DECODE, reply.decode_s), (SERVER_PART, reply.tail_s))
            tell_stages(self._span, parts, start_s=self._whole_s, until_s=self._answered_s)

    def sent(self) -> None:
        """The reply has left."""
        self._span.stage(REPLY, start_s=self._answered_s, end_s=self._spans.clock.now_s())

    def __enter__(self) -> ServedSpan:
        self._context.__enter__()
        self._span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._span.__exit__(kind, error, trace)
        self._context.__exit__(kind, error, trace)


class RequestSpans:
    """Begins the spans of one server's requests."""

    def __init__(
        self, clock: Clock, tracer: Tracer = NO_TRACER, held: Callable[[], OperatingPoint | None] = lambda: None
    ) -> None:
        """`held`: the operating point asked for now."""
        self.clock = clock
        self.tracer = tracer
        self.held = held

    def request(self, header: RequestHeader, admitted_s: float) -> ServedSpan:
        """A request that has arrived whole. `admitted_s`: when its header did."""
        return ServedSpan(self, header, admitted_s)
