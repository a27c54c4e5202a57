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
from tests.chaos.site import furnish
from tests.integration.balanced_site import HOST, STRANGER, BalancedSite, Certificates, balanced_site
from tests.integration.envoy import MISSING, envoy_program

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(envoy_program() is None, reason=MISSING)]

_PATIENCE_S = 600.0
_CALL_S = 60.0
_RENEW_S = 1.5

Scene = Callable[[BalancedSite], Awaitable[None]]


@pytest.fixture(name="play", scope="module")
def _play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    shared = tmp_path_factory.mktemp("shared")
    furnish(shared)
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    with AgentNursery() as nursery:

        def play(name: str, scene: Scene, folder: Path, *, renew_s: float = 1200.0) -> None:
            async def run() -> None:
                async with balanced_site(name, folder, shared, nursery, certificates, renew_s=renew_s) as made:
                    await scene(made)
                    await made.check()

            asyncio.run(asyncio.wait_for(run(), _PATIENCE_S))

        yield play


async def _killed_under_load(made: BalancedSite) -> None:
    """kill -9 of a server in use while requests are under way, and again after its return."""
    for _ in range(2):
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


@pytest.mark.parametrize("name", ["envoy.yaml", "pass-through.yaml"])
def test_a_killed_server_loses_nothing(name: str, play: Callable[..., None], tmp_path: Path) -> None:
    """Each request is answered exactly once, rightly and in time, and offloading goes on with another server."""
    play(name, _killed_under_load, tmp_path)


def test_a_connection_that_is_renewed_stays_with_its_server(play: Callable[..., None], tmp_path: Path) -> None:
    """No request meets a server that does not know its session, however often edges open fresh connections."""

    async def scene(made: BalancedSite) -> None:
        before = [server.text().count("planned Assignment") for server in made.servers]
        ledgers = await made.stream(round(4 * _RENEW_S / 0.04))
        reasons = {ledger.fallback_reason for ledger in ledgers}
        # A busy host may be late; no server says that it does not know an edge.
        assert reasons <= {None, FallbackReason.LATE}, reasons
        assert [server.text().count("planned Assignment") for server in made.servers] == before
        for edge in made.edges:
            assert edge.text().count("ended the stream") + edge.text().count("stream to") >= 2, edge.text()[-2000:]

    play("envoy.yaml", scene, tmp_path, renew_s=_RENEW_S)


def test_a_server_that_stops_is_left_without_a_loss(play: Callable[..., None], tmp_path: Path) -> None:
    """SIGTERM: what is under way is answered, and the edges go on with the others."""

    async def scene(made: BalancedSite) -> None:
        leaving = made.user()
        streaming = asyncio.create_task(made.stream(20))
        await asyncio.sleep(0.3)
        assert await leaving.stop() == 0
        await streaming
        await made.all_offload()

    play("envoy.yaml", scene, tmp_path)


def test_callers_are_who_their_certificates_say(play: Callable[..., None], tmp_path: Path) -> None:
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
            async with open_channel(made.front) as channel:
                await AgentClient(channel, peer="front").state(timeout_s=_CALL_S)

    play("envoy.yaml", scene, tmp_path)


async def _state(address: str, certificates: Certificates, name: str, metadata: tuple[tuple[str, str], ...]) -> object:
    """A call with metadata of the caller's choice, and joulecut's errors."""
    async with open_channel(address, certificates.security(name), server_name=HOST) as channel:
        stub = cast(Any, agent_pb2_grpc.AgentStub)(channel)
        try:
            return await stub.GetState(agent_pb2.GetStateRequest(), timeout=_CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, peer=address) from error
