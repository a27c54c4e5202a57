"""What gRPC's Python part logs of calls by itself: errors with tracebacks, as many and as long as callers like."""

from __future__ import annotations

import logging

import grpc.aio

from joulecut_proto.log_limit import LogLimit

_LOG = logging.getLogger(__name__)
_LINES = LogLimit(_LOG)

_LONGEST = 100
"""Characters of what somebody sent: a header has thousands."""


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """A filter of its log that lets defects of ours through, and nothing that any caller can bring about.

    A reply that could not be sent to its end is of somebody who hangs up. A header or a path that is no UTF-8 is told
    here, shortened and so many times a minute: gRPC tells it several times for each call, in full.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, grpc.aio.InternalError):
        _LOG.debug("a caller left before it had the reply: %s", record.getMessage())
        return False
    if isinstance(error, UnicodeDecodeError):
        _LINES.warn("calls with what is no text", "a call with what is no text: %.*s", _LONGEST, record.getMessage())
        return False
    return True
