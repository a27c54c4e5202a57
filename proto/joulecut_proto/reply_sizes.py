"""How much a server's reply may hold, looked at before anything is made of it.

Whoever has taken a server over must not stop its edges too: an empty message within another takes two bytes on the
wire and a hundred once it is parsed, and 20 MB of them take longer to read than any request has.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from joulecut_core.errors import ContractError, LinkError
from joulecut_proto.message_counts import count_objects

SMALL_REPLY_BYTES = 128 << 10
"""Of a greeting or a state: room for the names of a thousand networks."""
PLAN_REPLY_OBJECTS = 400_000
"""Messages and texts in a session's plans, twenty for each object that its request may have."""

M = TypeVar("M", bound=Message)


def read_small_reply(content: bytes, kind: type[M], *, peer: str) -> M:
    """A reply that is short by nature. Raises ContractError where it is not, LinkError where it cannot be read."""
    if len(content) > SMALL_REPLY_BYTES:
        raise ContractError(
            f"{peer}: a {kind.__name__} of {len(content)} bytes; expected at most {SMALL_REPLY_BYTES}; check the server"
        )
    return _parsed(content, kind, peer)


def read_counted_reply(content: bytes, kind: type[M], *, most: int, peer: str) -> M:
    """A reply of at most so many messages and texts; counting a long one takes a while.

    Raises ContractError where it has more, LinkError where it cannot be read.
    """
    # An object takes two bytes at least.
    if len(content) > 2 * most and count_objects(content, kind, most=most) > most:
        raise ContractError(f"{peer}: a {kind.__name__} of more than {most} objects; check the server")
    return _parsed(content, kind, peer)


def _parsed(content: bytes, kind: type[M], peer: str) -> M:
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise LinkError(f"{peer}: its reply cannot be read: it was damaged on the way; try again") from error
