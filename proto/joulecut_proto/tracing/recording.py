"""Spans that OpenTelemetry records. No method raises: a defect here costs a span, never a request."""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.context import Context

from joulecut_core.spans import NO_SPAN, AttributeValue, Span, SpanKind, enter_span, leave_span
from joulecut_core.timing import Clock
from joulecut_proto.tracing.traceparent import TraceParent, parse_traceparent

R = TypeVar("R")

_LOG = logging.getLogger(__name__)

_PREFIX = "joulecut."
_LONGEST = 400
"""Characters of a text in a span: an edge may have chosen it."""
_KINDS = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.SERVER: trace.SpanKind.SERVER,
}


class Recorder:
    """Implements `Tracer`. Times of spans are of the wall, as far as the agents' clock says how long theirs last there.

    All spans of one request on one host count from the same reading of both clocks, so that they nest whatever
    somebody does to the host's date.
    """

    def __init__(self, tracer: trace.Tracer, clock: Clock) -> None:
        self._tracer = tracer
        self.clock = clock

    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        traceparent: str = "",
        began_s: float | None = None,
        **attributes: AttributeValue | None,
    ) -> Span:
        """See `Tracer.span`."""

        def begin() -> Span:
            times = _Times(self.clock)
            parent = _remote(parse_traceparent(traceparent))
            inner = self._tracer.start_span(
                name,
                context=parent,
                kind=_KINDS[kind],
                start_time=times.at_ns(self.clock.now_s() if began_s is None else began_s),
                attributes=_told(attributes),
            )
            return _Recorded(self._tracer, inner, times)

        return _quietly(begin, NO_SPAN)


class _Times:
    """From the agents' clock to the wall's date."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._origin_s = clock.now_s()
        self._origin_ns = time.time_ns()

    def at_ns(self, time_s: float) -> int:
        passed_s = time_s - self._origin_s
        wall_s = self.clock.wall_s(abs(passed_s))
        return self._origin_ns + int((wall_s if passed_s >= 0 else -wall_s) * 1e9)

    def now_ns(self) -> int:
        return self.at_ns(self.clock.now_s())


class _Recorded:
    """One span of OpenTelemetry's."""

    __slots__ = ("_inner", "_times", "_token", "_tracer")

    def __init__(self, tracer: trace.Tracer, inner: trace.Span, times: _Times) -> None:
        self._tracer = tracer
        self._inner = inner
        self._times = times
        self._token: contextvars.Token[Span] | None = None

    @property
    def traceparent(self) -> str:
        context = self._inner.get_span_context()
        sampled = context.trace_flags.sampled
        return str(TraceParent(trace_id=context.trace_id, span_id=context.span_id, is_sampled=sampled))

    @property
    def trace_id(self) -> str:
        return f"{self._inner.get_span_context().trace_id:032x}" if self._inner.is_recording() else ""

    def note(self, **attributes: AttributeValue | None) -> None:
        if self._inner.is_recording():
            _quietly(lambda: self._inner.set_attributes(_told(attributes)), None)

    def failed(self, error: BaseException) -> None:
        if not self._inner.is_recording():
            return
        kind, text = type(error).__name__, str(error)[:_LONGEST]

        def tell() -> None:
            self._inner.set_status(trace.StatusCode.ERROR, f"{kind}: {text}")
            told = {"exception.type": kind, "exception.message": text}
            self._inner.add_event("exception", told, timestamp=self._times.now_ns())

        _quietly(tell, None)

    def stage(self, name: str, *, start_s: float, end_s: float, **attributes: AttributeValue | None) -> None:
        if not self._inner.is_recording():
            return

        def tell() -> None:
            context = trace.set_span_in_context(self._inner, Context())
            start_ns, end_ns = self._times.at_ns(start_s), self._times.at_ns(end_s)
            part = self._tracer.start_span(name, context=context, start_time=start_ns, attributes=_told(attributes))
            part.end(end_ns)

        _quietly(tell, None)

    def child(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue | None) -> Span:
        if not self._inner.is_recording():
            return self

        def begin() -> Span:
            inner = self._tracer.start_span(
                name,
                context=trace.set_span_in_context(self._inner, Context()),
                kind=_KINDS[kind],
                start_time=self._times.now_ns(),
                attributes=_told(attributes),
            )
            return _Recorded(self._tracer, inner, self._times)

        return _quietly(begin, NO_SPAN)

    def __enter__(self) -> Span:
        self._token = enter_span(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            leave_span(self._token)
            self._token = None
        if error is not None:
            self.failed(error)
        _quietly(lambda: self._inner.end(self._times.now_ns()), None)


def _remote(parent: TraceParent | None) -> Context:
    """A context of its own: whatever OpenTelemetry finds in the process's own is another library's."""
    if parent is None:
        return Context()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.is_sampled else trace.TraceFlags.DEFAULT)
    context = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(context), Context())


def _told(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {
        f"{_PREFIX}{name}": value[:_LONGEST] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _quietly(work: Callable[[], R], otherwise: R) -> R:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - of a library, about something nobody's answer depends on
        _LOG.debug("a span was lost", exc_info=error)
        return otherwise
