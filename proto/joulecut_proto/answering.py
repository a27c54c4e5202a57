"""The server's border of every call: errors become statuses, stories stay in the log."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from joulecut_core.errors import ContractError, JoulecutError
from joulecut_proto.status import ERROR_KEY, entry_of, public_text

_LOG = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


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
    ) -> None:
        if isinstance(error, JoulecutError):
            await self._refuse(error)
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            _LOG.error("%s failed", self._call, exc_info=error)
            text = "an unexpected error; the agent that answered has it in its log"
            await self._context.abort(grpc.StatusCode.INTERNAL, text)

    async def _refuse(self, error: JoulecutError) -> None:
        _LOG.warning("%s refused: %s: %s", self._call, type(error).__name__, error)
        _LOG.debug("%s refused because of", self._call, exc_info=error)
        code = entry_of(error).code
        if self._contract_code is not None and isinstance(error, ContractError):
            code = self._contract_code
        await self._context.abort(code, public_text(error), ((ERROR_KEY, type(error).__name__),))
