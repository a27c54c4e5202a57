"""Which request a piece of work is for, so that each line of the log can tell without being told.

Set where a request is handled; whatever runs below inherits it. A thread of a pool inherits nothing: wrap its work in
`in_this_context`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """A request under way. `request_id`: as both agents know it; what is not known yet is empty or None."""

    request_id: str
    session_id: str = ""
    epoch: int | None = None


_CURRENT: contextvars.ContextVar[RequestContext | None] = contextvars.ContextVar("joulecut_request", default=None)


def current_request() -> RequestContext | None:
    """The request that the caller works for; None outside any."""
    return _CURRENT.get()


def under_epoch(epoch: int) -> None:
    """The request under way has taken the plan of this epoch; nothing outside a request."""
    request = _CURRENT.get()
    if request is not None:
        _CURRENT.set(replace(request, epoch=epoch))


class ForRequest:
    """Inside this context manager, all is done for one request."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._token: contextvars.Token[RequestContext | None] | None = None

    def __enter__(self) -> RequestContext:
        self._token = _CURRENT.set(self._context)
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)


def in_this_context(work: Callable[P, R]) -> Callable[P, R]:
    """`work`, to be called once and from any thread, for the request and inside the span of whoever calls this."""
    context = contextvars.copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.run(work, *args, **kwargs)

    return run
