"""What both sides must agree on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.agent_messages import Hello, HelloReply, Side
from joulecut_proto.clients import AgentClient
from joulecut_proto.contract import CONTRACT_VERSION, check_contract_version, check_slowdown
from joulecut_proto.servicers import add_agent
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, serving

HELLO = Hello(contract_version=CONTRACT_VERSION, name="orin", side=Side.EDGE)


def test_same_version_is_fine() -> None:
    """Peers of one version work together."""
    check_contract_version(CONTRACT_VERSION, peer="edge")


@pytest.mark.parametrize(
    ("theirs", "remedy"),
    [(CONTRACT_VERSION + 1, "upgrade the side that reports this"), (CONTRACT_VERSION - 1, "upgrade the peer")],
)
def test_other_version_names_both_and_the_remedy(theirs: int, remedy: str) -> None:
    """Whoever reads the line knows which machine to upgrade."""
    with pytest.raises(ContractError, match=f"edge speaks .*version {theirs}, .*version {CONTRACT_VERSION}; {remedy}"):
        check_contract_version(theirs, peer="edge")


def test_a_greeting_in_another_contract_version_is_refused() -> None:
    """By the caller too: who answers may be of a version that looks at nobody's."""

    class Newer(FakeAgent):
        async def hello(self, hello: Hello) -> HelloReply:
            return replace(await super().hello(hello), contract_version=CONTRACT_VERSION + 1)

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, Newer(), guards=None)) as channel:
            await AgentClient(channel, peer="gpu").hello(HELLO, timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match=r"gpu speaks contract version 3, this side version 2"):
        asyncio.run(talk())


def test_slowdown_must_be_the_same() -> None:
    """Seconds of two emulated times must never be subtracted."""
    check_slowdown(8.0, 8.0 + 1e-12, peer="server")
    with pytest.raises(ContractError, match=r"server runs with slowdown 1, this side with 8; .*--slowdown"):
        check_slowdown(1.0, 8.0, peer="server")
