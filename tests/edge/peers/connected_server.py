"""A server of inference alone, over real gRPC, and the edge's connection to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import torch

from joulecut_core.plans import Assignment
from joulecut_core.timing import SystemClock
from joulecut_edge.peers.remote import RemoteReply
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_proto.channels import bind, make_server
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, Request
from joulecut_proto.servicers import add_agent, add_inference
from joulecut_proto.services import InferenceService
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_runtime.wires.codecs import codec
from tests.edge.session_parts import active_plan
from tests.integration.tiny_network import tiny_network
from tests.proto.fake_services import FakeAgent

WAIT_S = 20.0
"""How long a test waits for what must happen at once; only a defect ever takes it."""

EPOCH = 4
PLAN: Assignment = active_plan(0, epoch=EPOCH).assignment


class Answering:
    """Computes the whole network on what arrives; `order` says in which order a batch is answered."""

    def __init__(self, *, batch: int = 1) -> None:
        self._batch = batch
        self.ids: list[str] = []

    async def serve(self, stream: InferenceServerStream) -> None:
        held: list[Request] = []
        async for request in stream.requests():
            self.ids.append(request.header.request_id)
            held.append(request)
            if len(held) < self._batch:
                continue
            for each in reversed(held):
                outputs = tiny_network().whole(codec("raw").decode(each.frames))
                header = ReplyHeader(request_id=each.header.request_id, current_epoch=EPOCH, tail_s=0.25)
                await stream.reply(header, codec("raw").encode(outputs))
            held.clear()


class Refusing:
    """Answers everything with one header and no tensors."""

    def __init__(self, status: ReplyStatus, *, current_epoch: int = EPOCH, energy_j: float | None = None) -> None:
        self._status = status
        self._current_epoch = current_epoch
        self._energy_j = energy_j

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            header = ReplyHeader(
                request_id=request.header.request_id,
                current_epoch=self._current_epoch,
                status=self._status,
                message="because " + 100_000 * "x",
                server_energy_j=self._energy_j,
            )
            await stream.reply(header)


class EveryEighth(Answering):
    """Answers the first of eight requests, and fails at the others."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            header = ReplyHeader(request_id=request.header.request_id, current_epoch=EPOCH)
            if len(self.ids) % 8:
                await stream.reply(replace(header, status=ReplyStatus.FAILED, message="because"))
            else:
                outputs = tiny_network().whole(codec("raw").decode(request.frames))
                await stream.reply(header, codec("raw").encode(outputs))
            self.ids.append(request.header.request_id)


class Deaf:
    """Never reads a request, or leaves at once."""

    def __init__(self, *, stays: bool) -> None:
        self._stays = stays

    async def serve(self, stream: InferenceServerStream) -> None:
        del stream
        if self._stays:
            await asyncio.Event().wait()


class LeavingAtTheFirst:
    """Ends the stream as soon as a request has arrived."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for _ in stream.requests():
            return


@asynccontextmanager
async def connected(service: InferenceService, *, silence_s: float) -> AsyncIterator[ServerConnection]:
    server = make_server(secured=False)
    add_agent(server, FakeAgent(), guards=None)
    add_inference(server, service, guards=None)
    port = bind(server, "127.0.0.1:0", security=None)
    await server.start()
    connection = ServerConnection(
        f"127.0.0.1:{port}", session_id="edge-1", clock=SystemClock(), silence_s=silence_s, security=None
    )
    connection.network = tiny_network()
    connection.open_stream()
    try:
        yield connection
    finally:
        await connection.close()
        await server.stop(None)


def with_server(
    service: InferenceService, use: Callable[[ServerConnection], Awaitable[None]], *, silence_s: float = 0.0
) -> None:
    async def run() -> None:
        async with connected(service, silence_s=silence_s) as connection:
            await asyncio.wait_for(use(connection), WAIT_S)

    asyncio.run(run())


async def ask(
    connection: ServerConnection, picture: torch.Tensor, *, request_id: str = "r", timeout_s: float = WAIT_S
) -> RemoteReply:
    return await connection.finish(request_id, PLAN, codec("raw").encode((picture,)), timeout_s=timeout_s)
