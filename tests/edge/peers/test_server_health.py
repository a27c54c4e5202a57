"""A connected server that tells whether it takes requests: by the standard health service."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import pytest

from joulecut_core.errors import LinkError
from joulecut_core.timing import SystemClock
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_proto import answering
from joulecut_proto.answering import Context
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.channels import bind, make_server
from joulecut_proto.health_service import HEALTH_SERVICE, HealthStates, add_health
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.servicers import add_inference
from joulecut_proto.streaming.streams import InferenceServerStream
from tests.edge.peers.connected_server import WAIT_S, Answering, with_server


def with_health(use: Callable[[ServerConnection, HealthStates], Awaitable[None]]) -> None:
    """A server that tells of its health."""

    async def run() -> None:
        server, told = make_server(secured=False), HealthStates()
        add_health(server, told)
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        connection = ServerConnection(f"127.0.0.1:{port}", session_id="edge-1", clock=SystemClock(), security=None)
        try:
            await asyncio.wait_for(use(connection, told), WAIT_S)
        finally:
            await connection.close()
            await server.stop(None)

    asyncio.run(run())


def test_a_server_that_stops_serving_is_left() -> None:
    """NOT_SERVING asks for no new requests; the connection is not lost by it."""

    async def use(connection: ServerConnection, told: HealthStates) -> None:
        told.tell([INFERENCE_SERVICE], serving=True)
        await connection.watch_health()
        assert not connection.leaving.is_set()
        told.tell([INFERENCE_SERVICE], serving=False)
        await connection.leaving.wait()

    with_health(use)


def test_a_server_that_does_not_serve_is_not_joined() -> None:
    """One that drains, or whose device is lost, is passed over."""

    async def use(connection: ServerConnection, told: HealthStates) -> None:
        told.tell([INFERENCE_SERVICE], serving=False)
        with pytest.raises(LinkError, match="takes no requests now"):
            await connection.watch_health()

    with_health(use)


class _Full:
    """Holds no more streams."""

    async def serve(self, stream: InferenceServerStream) -> None:
        del stream
        raise StreamRefusedError("2 streams are open, the most that this server holds")


def test_a_server_that_holds_no_more_streams_is_not_joined() -> None:
    """Its refusal is there before it has told of its health: nobody plans with it, or gives up another for it."""

    async def run() -> None:
        server, told = make_server(secured=False), HealthStates()
        told.tell([INFERENCE_SERVICE], serving=True)
        add_health(server, told)
        add_inference(server, _Full(), guards=None)
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        connection = ServerConnection(f"127.0.0.1:{port}", session_id="edge-1", clock=SystemClock(), security=None)
        try:
            connection.open_stream()
            with pytest.raises(LinkError, match="2 streams are open"):
                await asyncio.wait_for(connection.watch_health(), WAIT_S)
        finally:
            await connection.close()
            await server.stop(None)

    asyncio.run(run())


def test_a_server_without_health_is_taken_to_serve() -> None:
    """Not every server tells."""

    async def use(connection: ServerConnection) -> None:
        await connection.watch_health()
        assert not connection.leaving.is_set()

    with_server(Answering(), use)


def test_a_server_that_as_many_follow_as_may_is_joined() -> None:
    """Others' watches must not keep an edge from its server, whose replies tell when it drains."""

    async def full(request: bytes, context: Context) -> None:
        del request
        async with answering.Answering(context, "Health.Watch"):
            raise CallRefusedError("4096 watches of health are under way, the most there may be; try again")

    async def run() -> None:
        server = make_server(secured=False)
        handlers: dict[str, Any] = {"Watch": grpc.unary_stream_rpc_method_handler(cast(Any, full))}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(HEALTH_SERVICE, handlers),))
        port = bind(server, "127.0.0.1:0", security=None)
        await server.start()
        connection = ServerConnection(f"127.0.0.1:{port}", session_id="edge-1", clock=SystemClock(), security=None)
        try:
            await connection.watch_health()
            assert not connection.leaving.is_set()
        finally:
            await connection.close()
            await server.stop(None)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_a_closed_connection_leaves_nothing_behind() -> None:
    """An edge renews its connection for years: each one's sockets are given back as it closes, not with some later
    collection of garbage."""

    async def closed(address: str) -> weakref.ref[ServerConnection]:
        # In a frame of its own: gRPC looks into those of tasks as it closes a channel, and they keep what it saw.
        connection = ServerConnection(address, session_id="edge-1", clock=SystemClock(), security=None)
        await connection.watch_health()
        await connection.close()
        return weakref.ref(connection)

    async def run() -> None:
        server, told = make_server(secured=False), HealthStates()
        add_health(server, told)
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}"
        await server.start()
        told.tell([INFERENCE_SERVICE], serving=True)
        left = await closed(address)
        await asyncio.sleep(0)
        assert left() is None
        await server.stop(None)

    gc.disable()
    try:
        asyncio.run(asyncio.wait_for(run(), WAIT_S))
    finally:
        gc.enable()
