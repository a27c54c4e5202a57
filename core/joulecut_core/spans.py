"""Spans of one request's time, for whoever collects them; by default nobody does, and they cost next to nothing.

    request ─┬─ queue, edge part, encode          stages: told once they are over, with their times
             └─ server ── decode reply            children: open while something is awaited

What records them is given by an upper floor. No method raises: watching a request must not cost its answer.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable
from enum import Enum
from types import TracebackType
from typing import Protocol

AttributeValue = str | bool | int | float


class SpanKind(str, Enum):
    """What a span is to the other process."""

    INTERNAL = "internal"
    """Nothing."""
    CLIENT = "client"
    """It asks."""
    SERVER = "server"
    """It is asked."""


class Span(Protocol):
    """A stretch of a request's time. As a context manager it is the current one inside, and ends with the block."""

    @property
    def traceparent(self) -> str:
        """What another process needs to continue this trace (W3C Trace Context); empty where nobody collects."""
        ...

    @property
    def trace_id(self) -> str:
        """The trace's 32 hexadecimal digits; empty where nobody collects."""
        ...

    def note(self, **attributes: AttributeValue | None) -> None:
        """Add what is known by now; None says nothing."""
        ...

    def failed(self, error: BaseException) -> None:
        """It ended with this error; an error that leaves the block is noted by itself."""
        ...

    def stage(self, name: str, *, start_s: float, end_s: float, **attributes: AttributeValue | None) -> None:
        """A part of it that is over, in seconds of the agents' clock."""
        ...

    def child(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue | None) -> Span:
        """A part of it that begins now."""
        ...

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Tracer(Protocol):
    """Begins spans."""

    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        traceparent: str = "",
        began_s: float | None = None,
        **attributes: AttributeValue | None,
    ) -> Span:
        """A span of its own trace, or of the one that `traceparent` names; a malformed one counts as none.

        `began_s`: when it began, by the agents' clock; now where left out.
        """
        ...


class _NoSpan:
    """Nobody collects spans."""

    __slots__ = ()

    traceparent = ""
    trace_id = ""

    def note(self, **attributes: AttributeValue | None) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        pass

    def stage(self, name: str, *, start_s: float, end_s: float, **attributes: AttributeValue | None) -> None:
        pass

    def child(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: AttributeValue | None) -> Span:
        del name, kind, attributes
        return self

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class NoTracer:
    """Begins spans that nobody collects."""

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
        del name, kind, traceparent, began_s, attributes
        return NO_SPAN


NO_SPAN: Span = _NoSpan()
NO_TRACER: Tracer = NoTracer()

_CURRENT: contextvars.ContextVar[Span] = contextvars.ContextVar("joulecut_span", default=NO_SPAN)


def current_span() -> Span:
    """The span that the caller works in; one that nobody collects outside any."""
    return _CURRENT.get()


def enter_span(span: Span) -> contextvars.Token[Span]:
    """Make `span` the current one; for implementations of `Span`."""
    return _CURRENT.set(span)


def leave_span(token: contextvars.Token[Span]) -> None:
    """The span before is the current one again."""
    _CURRENT.reset(token)


def tell_stages(span: Span, parts: Iterable[tuple[str, float]], *, start_s: float, until_s: float) -> None:
    """Stages of known seconds, one after the other from `start_s` on; none ends after `until_s`.

    Seconds of a stage and the clock around it are read by two meters, which never agree to the last digit.
    """
    if span is NO_SPAN:
        return
    end_s = start_s
    for name, lasted_s in parts:
        begin_s, end_s = end_s, min(end_s + lasted_s, until_s)
        if lasted_s > 0.0:
            span.stage(name, start_s=begin_s, end_s=max(begin_s, end_s))
