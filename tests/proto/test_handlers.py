"""What handlers give gRPC."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from google.protobuf.message import Message

from joulecut_proto.handlers import unread
from joulecut_proto.v1 import agent_pb2


def test_a_reply_that_nobody_reads_is_kept_once() -> None:
    """As bytes: gRPC keeps what a call gave it until that has left, a message beside what it was written out to."""
    reply = agent_pb2.EchoReply(payload=b"abc", server_s=0.5)

    async def answer(content: bytes, context: object) -> Message:
        del content, context
        return reply

    handler = cast(Any, unread("Agent.Echo", answer, None))
    assert handler.response_serializer is None
    assert asyncio.run(handler.unary_unary(b"", None)) == reply.SerializeToString()
