"""Requests that are not sent whole: how many one caller may leave, and who is asked before any is taken in."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_core.errors import AccessError
from joulecut_proto.arriving import Arriving
from joulecut_proto.channels import open_channel
from joulecut_proto.handlers import add_handlers, reading
from joulecut_proto.servicers import add_agent
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, listening

AGENT = agent_pb2.DESCRIPTOR.services_by_name["Agent"]
MOST = 64


def _begun(channel: grpc.aio.Channel) -> Any:
    """A call of which nothing but its head is sent until somebody writes."""
    return cast(Any, channel).stream_unary("/joulecut.v1.Agent/GetState")(timeout=TIMEOUT_S)


async def _ended(call: Any) -> tuple[grpc.StatusCode, str]:
    return await call.code(), await call.details()


def test_a_caller_leaves_so_many_halves_and_no_more() -> None:
    """One more is refused unread; others are not concerned, nor is the same caller once one of its own has ended."""

    async def talk() -> None:
        async with (
            listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as to,
            open_channel(to, security=None) as one,
            open_channel(to, security=None) as other,
        ):
            halves = [_begun(one) for _ in range(MOST + 1)]
            code, details = await _ended(await _first_done(halves))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert f"{MOST} requests of one caller are on their way" in details
            state = agent_pb2.GetStateRequest()
            await cast(Any, agent_pb2_grpc.AgentStub)(other).GetState(state, timeout=TIMEOUT_S)
            whole = next(half for half in halves if not half.done())
            await whole.write(state.SerializeToString())
            assert await whole
            await cast(Any, agent_pb2_grpc.AgentStub)(one).GetState(state, timeout=TIMEOUT_S)
            for half in halves:
                half.cancel()

    asyncio.run(talk())


async def _first_done(calls: list[Any]) -> Any:
    while True:
        for call in calls:
            if call.done():
                return call
        await asyncio.sleep(0.001)


def test_who_may_not_call_is_told_before_a_byte_is_taken_in() -> None:
    """However large its request would be."""

    def refuse(context: object) -> None:
        raise AccessError(f"no rule names {type(context).__name__}")

    async def talk() -> tuple[grpc.StatusCode, str]:
        servicer = agent_pb2_grpc.AgentServicer()
        handlers = reading(AGENT, servicer, Arriving(refuse))
        async with (
            listening(lambda server: add_handlers(server, AGENT, handlers)) as to,
            open_channel(to, security=None) as channel,
        ):
            return await _ended(_begun(channel))

    code, details = asyncio.run(talk())
    assert (code, "no rule names" in details) == (grpc.StatusCode.PERMISSION_DENIED, True)


def test_a_call_without_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """Its caller is told; the log is not, since calls whose connection breaks end like it."""

    async def talk() -> tuple[grpc.StatusCode, str]:
        async with (
            listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as to,
            open_channel(to, security=None) as channel,
        ):
            call = _begun(channel)
            await call.done_writing()
            return await _ended(call)

    assert asyncio.run(talk()) == (grpc.StatusCode.INVALID_ARGUMENT, "the call ended without a request; expected one")
    assert not caplog.records


def test_half_of_a_request_is_not_waited_for() -> None:
    """Its memory is given back, however long the connection lasts; gRPC knows no limit for what is not whole."""

    async def talk() -> tuple[grpc.StatusCode, str]:
        servicer = agent_pb2_grpc.AgentServicer()
        handlers = reading(AGENT, servicer, Arriving(lambda _: "cam", within_s=0.01))
        async with (
            listening(lambda server: add_handlers(server, AGENT, handlers)) as to,
            open_channel(to, security=None) as channel,
        ):
            return await _ended(_begun(channel))

    code, details = asyncio.run(talk())
    assert (code, details) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "the request did not come whole within 0.01 s; try again",
    )
