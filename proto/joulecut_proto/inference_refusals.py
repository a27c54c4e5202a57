"""A request that a server turns away: the edge finishes it by itself, and asks for no more for a while."""

from __future__ import annotations

from joulecut_core.errors import DeviceError, LinkError
from joulecut_proto.inference_messages import ReplyStatus


class TurnedAwayError(DeviceError):
    """The server does not run this request; to try again makes sense after `retry_after_s` of the agents' clock."""

    def __init__(self, message: str, status: ReplyStatus, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class StreamRefusedError(LinkError):
    """The server holds no (more) stream for this edge: too many are connected, or its transfers stand still."""
