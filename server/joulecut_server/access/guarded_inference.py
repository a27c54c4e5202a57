"""Requests of the caller's own sessions, for its networks, as often as it may send them.

Each is refused by its header alone, before memory is taken for its tensors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from joulecut_core.errors import AccessError
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.services import InferenceService
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.access.open_streams import OpenStreams, StreamRight
from joulecut_server.access.owners import SessionOwners
from joulecut_server.access.permit import Permit
from joulecut_server.access.rates import Rates

_LOG = logging.getLogger(__name__)
_LINES = LogLimit(_LOG)


class GuardedInference:
    """Implements the Inference service for one caller."""

    def __init__(
        self,
        service: InferenceService,
        permit: Permit,
        name_of: Callable[[str], str | None],
        owners: SessionOwners,
        rates: Rates,
        streams: OpenStreams,
    ) -> None:
        """`streams`: those of all callers."""
        self._service = service
        self._right = StreamRight(permit)
        self._name_of = name_of
        self._owners = owners
        self._rates = rates
        self._streams = streams
        self._denied = False

    async def serve(self, stream: InferenceServerStream) -> None:
        """One stream of the caller's; raises StreamRefusedError where it has as many as it may."""
        permit = self._right.permit
        if permit.identity is None:
            await self._service.serve(stream)
            return
        # The rules may change while it is open, and its right with them.
        with self._streams.one(stream, permit.identity, permit) as self._right:
            stream.screen, stream.speaks_for, stream.owner = self.refusal, self._owns, str(permit)
            await self._service.serve(stream)

    def _owns(self, session_id: str) -> bool:
        """Whether a stream of the caller's says anything of a session."""
        owned = self._owners.permit(session_id)
        return owned is None or owned.identity == self._right.permit.identity

    def refusal(self, header: RequestHeader) -> ReplyHeader | None:
        """The reply that refuses a request; None for one that may go on."""
        permit = self._right.permit
        try:
            if not self._owners.check(header.session_id, permit):
                return _refused(header, ReplyStatus.STALE, "this session is not known here: plan again")
            permit.check_network(header.network_digest, self._name_of)
        except AccessError as error:
            if not self._denied:
                # Once for a stream: it may go on for thousands of requests. There may be thousands of streams, too.
                self._denied = True
                _LINES.warn("denied requests", "request %.80r refused: %.400r", header.request_id, str(error))
            return _refused(header, ReplyStatus.INVALID, str(error))
        rate_hz = permit.rule.rate_hz
        wait_s = self._rates.wait_s(("request", permit.identity), rate_hz)
        if wait_s:
            text = f"{permit} may send {rate_hz:g} requests a second"
            return _refused(header, ReplyStatus.OVERLOADED, text, retry_after_s=wait_s)
        return None


def _refused(header: RequestHeader, status: ReplyStatus, message: str, *, retry_after_s: float = 0.0) -> ReplyHeader:
    return ReplyHeader(
        request_id=header.request_id, current_epoch=0, status=status, message=message, retry_after_s=retry_after_s
    )
