"""Replies of a server that is up to no good: refused by their size, before anything is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_core.errors import ContractError, LinkError
from joulecut_proto.agent_messages import Hello, Side
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.reply_sizes import SMALL_REPLY_BYTES, read_counted_reply, read_small_reply
from joulecut_proto.v1 import agent_pb2, planning_pb2
from tests.proto.serving import TIMEOUT_S

_EMPTY_BAND = b"%c\0" % (planning_pb2.PlanSessionReply.DESCRIPTOR.fields_by_name["bands"].number << 3 | 2)
"""A field with a message of no bytes."""
_EMPTY_NETWORK = b"%c\0" % (agent_pb2.HelloReply.DESCRIPTOR.fields_by_name["networks"].number << 3 | 2)


def test_a_reply_of_many_empty_messages_is_refused() -> None:
    """Its bytes say little: at most so many objects, and one more is too many."""

    def bands(count: int) -> int:
        content = count * _EMPTY_BAND
        return len(read_counted_reply(content, planning_pb2.PlanSessionReply, most=7, peer="gpu").bands)

    assert bands(7) == 7
    with pytest.raises(ContractError, match="gpu: a PlanSessionReply of more than 7 objects"):
        bands(8)


def test_a_short_reply_is_short() -> None:
    """A greeting has room for a thousand networks' names, and for no more than that."""
    named = [agent_pb2.NetworkId(name="efficientnet_lite0", digest="sha256:" + 64 * "0")] * 1000
    content = agent_pb2.HelloReply(networks=named).SerializeToString()
    assert len(read_small_reply(content, agent_pb2.HelloReply, peer="gpu").networks) == 1000
    with pytest.raises(ContractError, match=f"expected at most {SMALL_REPLY_BYTES}"):
        read_small_reply(2 * content, agent_pb2.HelloReply, peer="gpu")
    with pytest.raises(LinkError, match="cannot be read"):
        read_small_reply(b"\xff\xff", agent_pb2.HelloReply, peer="gpu")


@pytest.mark.parametrize("method", ["hello", "state"])
def test_a_client_reads_no_endless_greeting(method: str) -> None:
    """What comes is refused as it is, over real gRPC."""

    async def bomb(requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        del requests, context
        yield SMALL_REPLY_BYTES * _EMPTY_NETWORK

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details: object) -> Any:
            del handler_call_details
            return grpc.stream_stream_rpc_method_handler(bomb)

    async def talk() -> None:
        server = make_server(secured=False)
        server.add_generic_rpc_handlers((Handler(),))
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        try:
            async with open_channel(f"127.0.0.1:{port}", security=None) as channel:
                client = AgentClient(channel, peer="gpu")
                hello = Hello(contract_version=CONTRACT_VERSION, name="edge", side=Side.EDGE, slowdown=1.0)
                asked = (
                    client.hello(hello, timeout_s=TIMEOUT_S) if method == "hello" else client.state(timeout_s=TIMEOUT_S)
                )
                await cast(Any, asked)
        finally:
            await server.stop(None)

    with pytest.raises(ContractError, match=f"gpu: a .* of {2 * SMALL_REPLY_BYTES} bytes"):
        asyncio.run(talk())
