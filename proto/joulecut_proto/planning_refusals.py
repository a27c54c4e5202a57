"""What a planning server says when a request is well formed and still gets no answer."""

from __future__ import annotations

from joulecut_core.errors import LinkError


class PlannerBusyError(LinkError):
    """As many requests as the server takes are being solved or wait; the message says when to try again."""


class SolveTimeError(LinkError):
    """No answer within the server's limit or the caller's deadline; the message says which, and what to do."""
