"""Calls under way when their channel is closed, or their caller leaves: who was given up hears so, nobody else."""

from __future__ import annotations

import asyncio
import gc

import grpc.aio
import pytest

from joulecut_core.errors import LinkError
from joulecut_proto.agent_messages import Hello, HelloReply, Side
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.servicers import add_agent
from tests.free_ports import free_port
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, listening

HELLO = Hello(contract_version=CONTRACT_VERSION, name="edge", side=Side.EDGE)


class HangingAgent(FakeAgent):
    """Answers no greeting."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def hello(self, hello: Hello) -> HelloReply:
        self.asked.set()
        await asyncio.Event().wait()
        return await super().hello(hello)


@pytest.mark.parametrize("closes", [True, False])
def test_a_call_under_way(closes: bool) -> None:
    """With its channel closed it fails, and whoever waited goes on; with its caller cancelled it is cancelled."""

    async def use() -> None:
        agent = HangingAgent()
        async with listening(lambda server: add_agent(server, agent, guards=None)) as address:
            channel = open_channel(address, security=None)
            calling = asyncio.create_task(AgentClient(channel, peer="gpu").hello(HELLO, timeout_s=TIMEOUT_S))
            await agent.asked.wait()
            if closes:
                await channel.close()
                with pytest.raises(LinkError, match="gpu was given up"):
                    await calling
            else:
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling
                await channel.close()

    asyncio.run(use())


def _calls() -> set[int]:
    return {id(each) for each in gc.get_objects() if issubclass(type(each), grpc.aio.UnaryUnaryCall)}


def test_a_failed_call_is_let_go() -> None:
    """Its error keeps nothing of it, before any garbage is collected: its closed channel would go on connecting."""

    async def use() -> None:
        channel = open_channel(f"127.0.0.1:{free_port()}", security=None)
        with pytest.raises(LinkError, match="gpu cannot be reached"):
            await AgentClient(channel, peer="gpu").hello(HELLO, timeout_s=TIMEOUT_S)
        await channel.close()
        await asyncio.sleep(0)

    before = _calls()
    gc.disable()
    try:
        asyncio.run(use())
        assert not _calls() - before
    finally:
        gc.enable()
