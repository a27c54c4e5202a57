"""Health without TLS: what supervisors learn there, and that nothing else is served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_core.errors import JoulecutError, LinkError
from joulecut_core.exits import ExitCode
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.health_service import HealthStates
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_server.reporting.health_port import main, open_health, takes_requests
from tests.free_ports import free_port

_WAIT_S = 20.0


def _with_health(use: Callable[[str, HealthStates], Awaitable[None]]) -> None:
    async def run() -> None:
        address = f"127.0.0.1:{free_port()}"
        healthy = HealthStates()
        healthy.tell([INFERENCE_SERVICE], serving=True)
        async with AsyncExitStack() as stack:
            await open_health(address, healthy, stack)
            await use(address, healthy)

    asyncio.run(asyncio.wait_for(run(), _WAIT_S))


def test_it_tells_whether_requests_are_taken() -> None:
    """A supervisor sees a drain begin, on an address that asks for no certificate."""

    async def use(address: str, healthy: HealthStates) -> None:
        assert await takes_requests(address)
        healthy.tell([INFERENCE_SERVICE], serving=False)
        assert not await takes_requests(address)

    _with_health(use)


def test_nothing_else_is_served() -> None:
    """Who reaches it without a certificate gets no service of the agent."""

    async def use(address: str, healthy: HealthStates) -> None:
        del healthy
        async with open_channel(address, security=None) as channel:
            with pytest.raises(JoulecutError, match=r"Method not found|UNIMPLEMENTED|not offer|unimplemented"):
                await AgentClient(channel, peer="server").state(timeout_s=_WAIT_S)

    _with_health(use)


def test_large_requests_are_refused() -> None:
    """The name of a service is short."""

    async def use(address: str, healthy: HealthStates) -> None:
        del healthy
        request = health_pb2.HealthCheckRequest(service="x" * (8 << 10))
        async with open_channel(address, security=None) as channel:
            with pytest.raises(grpc.aio.AioRpcError, match="larger than max") as refused:
                await cast(Any, health_pb2_grpc.HealthStub)(channel).Check(request, timeout=_WAIT_S)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    _with_health(use)


def test_the_program_exits_as_a_health_check_must() -> None:
    """0 where requests are taken, another code where not, and where nobody is."""

    async def use(address: str, healthy: HealthStates) -> None:
        assert await asyncio.to_thread(main, [address]) == ExitCode.OK
        healthy.tell([INFERENCE_SERVICE], serving=False)
        assert await asyncio.to_thread(main, [address]) == ExitCode.FAILED

    _with_health(use)
    assert main([f"127.0.0.1:{free_port()}"]) == ExitCode.UNREACHABLE
    assert main([]) == ExitCode.BAD_INPUT


def test_no_address_opens_nothing_and_a_taken_one_is_said() -> None:
    """By default nobody listens; an address in use stops the start with the remedy."""

    async def use(address: str, healthy: HealthStates) -> None:
        async with AsyncExitStack() as stack:
            await open_health("", healthy, stack)
            with pytest.raises(LinkError, match="choose another"):
                await open_health(address, healthy, stack)

    _with_health(use)
