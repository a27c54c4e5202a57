"""An edge's priority travels with its requests."""

from __future__ import annotations

import asyncio

from joulecut_core.timing import SystemClock
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_proto.channels import bind, make_server
from joulecut_proto.inference_messages import ReplyHeader
from joulecut_proto.servicers import add_agent, add_inference
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_runtime.wires.codecs import codec
from tests.edge.session_parts import active_plan
from tests.integration.tiny_network import pictures, tiny_network
from tests.proto.fake_services import FakeAgent


class Noting:
    """Notes the priority of what arrives, and answers it."""

    def __init__(self) -> None:
        self.priorities: list[int] = []

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            self.priorities.append(request.header.priority)
            outputs = tiny_network().whole(codec("raw").decode(request.frames))
            header = ReplyHeader(request_id=request.header.request_id, current_epoch=4)
            await stream.reply(header, codec("raw").encode(outputs))


def test_requests_carry_the_priority_of_their_edge() -> None:
    """What an edge's configuration says is what the server's line goes by; without a word it is the lowest."""
    service = Noting()

    async def run() -> None:
        server = make_server(secured=False)
        add_agent(server, FakeAgent(), guards=None)
        add_inference(server, service, guards=None)
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}"
        await server.start()
        for connection in (
            ServerConnection(address, session_id="edge-1", clock=SystemClock(), priority=7, security=None),
            ServerConnection(address, session_id="edge-2", clock=SystemClock(), security=None),
        ):
            connection.network = tiny_network()
            connection.open_stream()
            assignment = active_plan(0, epoch=4).assignment
            await connection.finish("r", assignment, codec("raw").encode(tuple(pictures(1))), timeout_s=20.0)
            await connection.close()
        await server.stop(None)

    asyncio.run(run())
    assert service.priorities == [7, 0]
