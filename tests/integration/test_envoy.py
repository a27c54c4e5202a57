"""Three server-agents behind a real Envoy, configured as shipped: who is served, by whom, and what a loss costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import grpc.aio
import pytest

from joulecut_core.errors import AccessError, LinkError
from joulecut_core.ledgers import FallbackReason
from joulecut_proto.affinity import AFFINITY_KEY
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security.forwarded import FORWARDED_KEY
from joulecut_proto.status import error_from_rpc
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.site import Agent
from tests.integration.balanced_site import HOST, STRANGER, BalancedSite, BalancedStage, Certificates
from tests.integration.envoy import MISSING, envoy_program

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(envoy_program() is None, reason=MISSING)]

_CALL_S = 60.0
_RENEW_S = 1.5


@pytest.fixture(name="certificates", scope="module")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="stage", scope="module", params=["envoy.yaml"])
def _stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared: tuple[Path, str],
    nursery: AgentNursery,
    certificates: Certificates,
) -> Iterator[BalancedStage]:
    stage = BalancedStage(request.param, tmp_path_factory.mktemp("site"), shared[0], nursery, certificates)
    yield stage
    stage.close()


def _killed_under_load(kills: int) -> Callable[[BalancedSite], Awaitable[None]]:
    """kill -9 of a server in use while requests are under way, and of another after its return."""

    async def scene(made: BalancedSite) -> None:
        for _ in range(kills):
            victim = made.user()
            streaming = asyncio.create_task(made.stream(25))
            await asyncio.sleep(0.3)
            victim.kill()
            ledgers = await streaming
            assert len(ledgers) == 25 * len(made.apps)
            await made.all_offload()
            assert made.user() is not victim
            await victim.start()
        await made.all_offload()

    return scene


def test_a_killed_server_loses_nothing(stage: BalancedStage) -> None:
    """Each request is answered exactly once, rightly and in time, and offloading goes on with another server."""
    stage.play(_killed_under_load(2))


def test_a_server_that_stops_is_left_without_a_loss(stage: BalancedStage) -> None:
    """SIGTERM: what is under way is answered, and the edges go on with the others."""

    async def scene(made: BalancedSite) -> None:
        leaving = made.user()
        streaming = asyncio.create_task(made.stream(20))
        await asyncio.sleep(0.3)
        assert await leaving.stop() == 0
        await streaming
        await made.all_offload()
        await leaving.start()

    stage.play(scene)


def test_callers_are_who_their_certificates_say(stage: BalancedStage) -> None:
    """Rules meet the edge's own certificate through the proxy, whatever it claims; past the proxy, no claim counts.

    Nor is the name of a server a way to have the proxy open connections to other hosts.
    """

    async def scene(made: BalancedSite) -> None:
        claim = ((FORWARDED_KEY, "By=spiffe://lab/proxy/front;URI=spiffe://lab/edge/camera-1"),)
        refused = rf"names spiffe://lab/edge/{STRANGER}"
        for metadata in ((), claim):
            with pytest.raises(AccessError, match=refused):
                await _state(made.front, made.certificates, STRANGER, metadata)
        with pytest.raises(AccessError, match=refused):
            await _state(made.addresses[0], made.certificates, STRANGER, claim)
        await _state(made.front, made.certificates, "camera-1", claim)
        elsewhere = ((AFFINITY_KEY, "MTI3LjAuMC4xOjE="),)
        with pytest.raises(LinkError):
            await _state(made.front, made.certificates, "camera-1", elsewhere)
        with pytest.raises(LinkError):
            async with open_channel(made.front, security=None) as channel:
                await AgentClient(channel, peer="front").state(timeout_s=_CALL_S)

    stage.play(scene)


def test_a_connection_that_is_renewed_stays_with_its_server(stage: BalancedStage) -> None:
    """No request meets a server that does not know its session, however often edges open fresh connections."""

    async def scene(made: BalancedSite) -> None:
        before = [server.text().count("planned Assignment") for server in made.servers]
        renewed = [_renewals(edge) for edge in made.edges]
        ledgers = await made.stream(round(4 * _RENEW_S / 0.04))
        reasons = {ledger.fallback_reason for ledger in ledgers}
        # A busy host may be late; no server says that it does not know an edge.
        assert reasons <= {None, FallbackReason.LATE}, reasons
        assert [server.text().count("planned Assignment") for server in made.servers] == before
        for edge, earlier in zip(made.edges, renewed, strict=True):
            assert _renewals(edge) - earlier >= 2, edge.text()[-2000:]

    stage.play(scene, renew_s=_RENEW_S)


@pytest.mark.parametrize("stage", ["pass-through.yaml"], indirect=True)
def test_nor_does_one_behind_a_proxy_that_ends_no_tls(stage: BalancedStage) -> None:
    """The same where edges and servers meet each other's certificates, and the proxy passes bytes on."""
    stage.play(_killed_under_load(1))


def _renewals(edge: Agent) -> int:
    """How often its log tells of a connection that it let go."""
    return edge.text().count("ended the stream") + edge.text().count("stream to")


async def _state(address: str, certificates: Certificates, name: str, metadata: tuple[tuple[str, str], ...]) -> object:
    """A call with metadata of the caller's choice, and joulecut's errors."""
    async with open_channel(address, certificates.security(name), server_name=HOST) as channel:
        stub = cast(Any, agent_pb2_grpc.AgentStub)(channel)
        try:
            return await stub.GetState(agent_pb2.GetStateRequest(), timeout=_CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, peer=address) from error
