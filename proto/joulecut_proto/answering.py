"""The server's border of every call: errors become statuses, stories stay in the log."""

from __future__ import annotations

import logging
from collections import OrderedDict
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from joulecut_core.errors import AccessError, ContractError, JoulecutError
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.status import ERROR_KEY, entry_of, public_text

_LOG = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


_MOST_TOLD = 1000
_told: OrderedDict[str, None] = OrderedDict()
"""Refusals that the log has already."""
_LINES = LogLimit(_LOG)


class Answering:
    """A context around the body of one call: what it raises ends the call with the catalogue's status.

    `contract_code` replaces the status of a ContractError where that can only mean malformed bytes.
    """

    def __init__(self, context: Context, call: str, *, contract_code: grpc.StatusCode | None = None) -> None:
        self._context = context
        self._call = call
        self._contract_code = contract_code

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if isinstance(error, JoulecutError):
            await self._refuse(error)
            return True
        if isinstance(error, grpc.aio.InternalError):
            _LOG.debug("%s: the caller left before it had the reply", self._call)
            return True
        if isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            _LOG.error("%s failed", self._call, exc_info=error)
            text = "an unexpected error; the agent that answered has it in its log"
            await self._abort(grpc.StatusCode.INTERNAL, text)
            return True
        return None

    async def _refuse(self, error: JoulecutError) -> None:
        kind = f"{self._call} refused: {type(error).__name__}"
        if _is_told(self._call, error):
            _LOG.debug("%s: %s", kind, error)
        else:
            _LINES.warn(kind, "%s: %s", kind, error)
        _LOG.debug("%s refused because of", self._call, exc_info=error)
        code = entry_of(error).code
        if self._contract_code is not None and isinstance(error, ContractError):
            code = self._contract_code
        await self._abort(code, public_text(error), ((ERROR_KEY, type(error).__name__),))

    async def _abort(self, code: grpc.StatusCode, text: str, metadata: tuple[tuple[str, str], ...] = ()) -> None:
        """End the call. gRPC raises its AbortError anew once the call's body has returned.

        It also keeps that error for good. What it was raised from is taken off: its frames hold the call's messages,
        and refused calls would fill the memory.
        """
        try:
            await self._context.abort(code, text, metadata)
        except grpc.aio.AbortError as aborted:
            aborted.__context__ = aborted.__cause__ = aborted.__traceback__ = None
        except grpc.aio.InternalError:
            _LOG.debug("%s: the caller left before it had the refusal", self._call)


def _is_told(call: str, error: JoulecutError) -> bool:
    """Who has no access, or calls too much at once, comes again and again, for days: the log has it once."""
    if not isinstance(error, (AccessError, CallRefusedError)):
        return False
    text = f"{call}: {error}"
    is_told = text in _told
    _told[text] = None
    _told.move_to_end(text)
    while len(_told) > _MOST_TOLD:
        _told.popitem(last=False)
    return is_told
