"""The field by which a trace goes from one process to the next: W3C Trace Context, version 00.

00-<trace id: 32 hexadecimal digits>-<span id: 16>-<flags: 2>       the last flag: it is sampled
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CHARACTERS = 55
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceParent:
    """A span of another process. Neither id is 0."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.is_sampled):02x}"


def parse_traceparent(text: str) -> TraceParent | None:
    """The span that `text` names; None for anything else: a request is not refused for how it is watched."""
    match = _TRACEPARENT.fullmatch(text) if len(text) == CHARACTERS else None
    if match is None:
        return None
    trace_id, span_id, flags = (int(digits, 16) for digits in match.groups())
    if not trace_id or not span_id:
        return None
    return TraceParent(trace_id=trace_id, span_id=span_id, is_sampled=bool(flags & 1))
