"""Agents that start in any order, lose each other, come back, and stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from joulecut_core.errors import LinkError
from joulecut_core.timing import SystemClock
from joulecut_edge import agent as edge_agent
from joulecut_edge.requests import patience
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.local_messages import ReplanRequest
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape
from joulecut_runtime.networks.bundle import open_bundle
from joulecut_server import agent as server_agent
from tests.free_ports import free_port
from tests.integration.site import WAIT_S, Application, Site, application, server_state
from tests.integration.talking import talk
from tests.integration.tiny_network import pictures, tiny_network
from tests.proto.deaf_follower import deaf_caller, deaf_follower

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
NOBODY = "127.0.0.1:9"
REJOIN_S = WAIT_S / 2
"""Within this much of the wall an edge must use a server that is back; how soon it does is a benchmark's matter."""


@pytest.fixture(name="site")
def _exact(site: Site) -> Site:
    """Answers are compared to the bit, so no codec may change one, however slow the link looks on a busy host."""
    return replace(site, max_accuracy_loss=0.0)


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 2 * WAIT_S))


async def answered(app: Application, request_id: str = "r") -> str:
    """Ask once, check the answer; who served it."""
    answer, reply = await app.infer(PICTURE, request_id)
    assert torch.equal(answer, EXPECTED)
    return reply.ledger.served_by


def test_an_edge_without_a_server_answers_alone_and_joins_it_later(site: Site) -> None:
    """Nobody has to start in an order: an edge works from its first second and joins the server when there is one."""

    async def test() -> None:
        address = f"127.0.0.1:{free_port()}"
        async with AsyncExitStack() as stack:
            edge = await stack.enter_async_context(edge_agent.serving(site.edge(address)))
            app = await stack.enter_async_context(application(edge))
            assert await answered(app) == "edge"
            status = await app.status()
            assert (status.server_connected, status.link, status.server_info) == (False, None, None)
            assert status.assignment is not None
            assert (status.assignment.epoch, status.assignment.policy) == (0, "local")
            assert status.counters.fallbacks == 0
            with pytest.raises(LinkError, match="no server is connected"):
                await app.replan(ReplanRequest())
            await stack.enter_async_context(server_agent.serving(replace(site.server(), listen=address)))
            await asyncio.wait_for(app.offloading(), REJOIN_S)
            assert await answered(app) == "server"

    run(test())


def test_a_server_that_stops_costs_no_answer_and_is_used_again(site: Site) -> None:
    """Requests all the while: each is answered once, across a drain, an absence, and a return on the same port."""

    async def test() -> None:
        config = replace(site.server(), listen=f"127.0.0.1:{free_port()}", drain_s=WAIT_S)
        served: list[str] = []
        stopping = asyncio.Event()

        async def keep_asking(app: Application) -> None:
            while not stopping.is_set():
                served.append(await answered(app, f"r{len(served)}"))

        async with edge_agent.serving(site.edge(config.listen)) as edge, application(edge) as app:
            async with server_agent.serving(config):
                first = (await app.offloading()).assignment
                asking = [asyncio.create_task(keep_asking(app)) for _ in range(3)]
                await app.until(lambda status: status.counters.split > 5)
                loop = asyncio.get_running_loop()
                began_s = loop.time()
            assert loop.time() - began_s < config.drain_s / 2, "an edge that only keeps its stream must not hold a stop"
            lonely = await app.until(lambda status: status.assignment is not None and status.assignment.epoch == 0)
            assert not lonely.server_connected
            await app.until(lambda status: status.counters.local > lonely.counters.local + 5)
            async with server_agent.serving(config):
                again = await asyncio.wait_for(app.offloading(), REJOIN_S)
                await app.until(lambda status: status.counters.split > again.counters.split + 5)
                stopping.set()
                await asyncio.gather(*asking)
                assert first is not None
                assert again.assignment is not None
                assert again.assignment.epoch > first.epoch, "epochs rise across a restart"
                counters = (await app.status()).counters
        assert counters.requests == len(served)
        assert counters.split == served.count("server")
        assert counters.local == served.count("edge")

    run(test())


@pytest.mark.parametrize("is_stalled", [False, True], ids=["broken", "stalled"])
def test_a_lost_link_costs_no_answer_and_is_used_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_stalled: bool
) -> None:
    """Radio gone, connections reset or silent: the edge answers alone, and is back once the link is."""
    shape = LinkShape(bandwidth_bps=1e8, delay_s=0.001)

    async def test(link: EmulatedLink) -> None:
        async with edge_agent.serving(site.edge(f"127.0.0.1:{link.port}")) as edge, application(edge) as app:
            await app.offloading()
            assert await answered(app) == "server"
            if is_stalled:
                monkeypatch.setattr(patience, "_LEAST_PATIENCE_S", 1.0)
                await asyncio.to_thread(link.set_bandwidth, 0.0, 0.0)
            else:
                await asyncio.to_thread(link.cut)
            attempts = 0
            while (await app.status()).server_connected:
                answer, reply = await app.infer(PICTURE, "r")
                assert torch.equal(answer, EXPECTED)
                assert reply.ledger.served_by == "edge"
                attempts += reply.ledger.attempts
            assert attempts <= 5
            assert await answered(app) == "edge"
            if is_stalled:
                monkeypatch.setattr(patience, "_LEAST_PATIENCE_S", WAIT_S)
                await asyncio.to_thread(link.set_bandwidth, 1e8, 1e8)
            else:
                await asyncio.to_thread(link.restore)
            await asyncio.wait_for(app.offloading(), REJOIN_S)
            assert await answered(app) == "server"

    async def serve() -> None:
        async with server_agent.serving(site.server()) as server:
            port = int(server.rpartition(":")[2])
            with EmulatedLink(host="127.0.0.1", port=port, uplink=shape, downlink=shape, clock=SystemClock()) as link:
                await test(link)

    run(serve())


def test_an_edge_that_stops_gives_the_servers_clock_back(site: Site) -> None:
    """The server's GPU is leased for as long as an edge needs it, and left to itself afterwards."""

    async def test() -> None:
        async with server_agent.serving(site.server()) as server:
            assert (await server_state(server)).leased is None
            async with edge_agent.serving(site.edge(server)) as edge, application(edge) as app:
                assignment = (await app.offloading()).assignment
                assert assignment is not None
                held = await server_state(server)
                assert assignment.server_clock is not None
                assert held.leased == held.device.point == assignment.server_clock
            assert (await server_state(server)).leased is None

    run(test())


def test_a_profile_is_made_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The first start measures, the second one finds what the first kept; both sides."""
    own = replace(site.server(), profiles=str(site.own / "profiles"))

    async def test() -> None:
        edge = replace(site.edge(NOBODY), profiles=own.profiles)
        async with server_agent.serving(own), edge_agent.serving(edge):
            pass

    with caplog.at_level(logging.INFO):
        run(test())
        assert caplog.text.count("this happens once") == 2
        caplog.clear()
        run(test())
    assert "this happens once" not in caplog.text
    assert caplog.text.count("using the profile of tiny") == 2


def test_a_missing_network_is_fetched_by_its_digest(site: Site) -> None:
    """An edge that has nothing but a digest gets the network from its server, checks it and serves it."""
    bundle = site.own / "fetched" / "net"

    async def test() -> None:
        async with server_agent.serving(site.server()) as server:
            config = replace(site.edge(server), bundle=str(bundle), digest=site.digest)
            async with edge_agent.serving(config) as edge, application(edge) as app:
                await app.offloading()
                assert await answered(app) == "server"
        assert open_bundle(bundle).digest == site.digest

    run(test())


def test_a_server_of_another_network_is_not_used(site: Site) -> None:
    """An edge whose network the server lacks stays local: no plan, no wrong answers."""

    async def test() -> None:
        async with server_agent.serving(site.server()) as server:
            config = replace(site.edge(server), slowdown=2.0)
            async with edge_agent.serving(config) as edge, application(edge) as app:
                assert await answered(app) == "edge"
                assert not (await app.status()).server_connected
                assert (await server_state(server)).leased is None

    run(test())


def test_health_follows_the_servers_life(site: Site) -> None:
    """Orchestrators see SERVING for each service, and NOT_SERVING as soon as it drains."""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            serving = AsyncExitStack()
            address = await serving.enter_async_context(server_agent.serving(replace(site.server(), drain_s=0.5)))
            channel = await stack.enter_async_context(open_channel(address, security=None))
            stub = cast(Any, health_pb2_grpc.HealthStub)(channel)
            for service in ("", "joulecut.v1.Agent", "joulecut.v1.Planner", "joulecut.v1.Inference"):
                reply = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=WAIT_S)
                assert reply.status == health_pb2.HealthCheckResponse.SERVING
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            closing = asyncio.create_task(serving.aclose())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()
            await closing

    run(test())


@pytest.mark.parametrize("on_health_port", [False, True])
def test_nobody_keeps_a_server_from_draining(site: Site, *, on_health_port: bool) -> None:
    """Somebody follows its health and takes nothing: edges are let go at once all the same, and it stops in time."""
    health_listen = f"127.0.0.1:{free_port()}" if on_health_port else ""

    async def test() -> None:
        async with AsyncExitStack() as stack:
            serving = AsyncExitStack()
            config = replace(site.server(), drain_s=0.5, health_listen=health_listen)
            address = await serving.enter_async_context(server_agent.serving(config))
            edge, _ = await stack.enter_async_context(talk(address))
            await edge.send("r")
            assert (await edge.reply()).header.status is ReplyStatus.OK
            await stack.enter_async_context(deaf_follower(health_listen or address, INFERENCE_SERVICE))
            closing = asyncio.create_task(serving.aclose())
            assert not await edge.rest()
            await closing

    asyncio.run(asyncio.wait_for(test(), WAIT_S))


def test_a_part_of_an_edge_that_fails_is_told_of_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody would know why it does without, and it answers requests all the same."""

    async def broken(*arguments: object) -> None:
        del arguments
        raise RuntimeError("clocks that nobody has thought of")

    monkeypatch.setattr(edge_agent, "watch_clocks", broken)

    async def test() -> None:
        async with edge_agent.serving(site.edge(NOBODY)) as address, application(address) as app:
            await answered(app)
            assert "a part of this agent has failed" in caplog.text
            assert "clocks that nobody has thought of" in caplog.text

    run(test())


def test_a_caller_that_was_stopped_keeps_no_server_from_ending(site: Site, tmp_path: Path) -> None:
    """What it asked for fills its socket; the server gives the clocks back all the same."""

    async def test() -> None:
        path = tmp_path / "server.sock"
        config = replace(site.server(), drain_s=0.2, listen=f"unix:{path}")
        async with AsyncExitStack() as stack, server_agent.serving(config):
            await stack.enter_async_context(deaf_caller(path))

    asyncio.run(asyncio.wait_for(test(), WAIT_S))


def test_reflection_lists_the_services(site: Site) -> None:
    """Tools that know no proto file can ask what there is."""

    async def test() -> None:
        async with server_agent.serving(site.server()) as address, open_channel(address, security=None) as channel:
            stub = cast(Any, reflection_pb2_grpc.ServerReflectionStub)(channel)
            call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
            names = {service.name for service in (await call.read()).list_services_response.service}
            call.cancel()
        assert {"joulecut.v1.Agent", "joulecut.v1.Planner", "joulecut.v1.Inference", "grpc.health.v1.Health"} <= names

    run(test())


def test_a_bundle_comes_from_the_server_as_it_is(site: Site) -> None:
    """What the server hands out is what it serves, byte for byte."""

    async def test() -> None:
        received: dict[str, bytes] = {}
        async with server_agent.serving(site.server()) as address, open_channel(address, security=None) as channel:
            async for chunk in AgentClient(channel, peer="server").bundle(site.digest, timeout_s=WAIT_S):
                received[chunk.file] = received.get(chunk.file, b"") + chunk.data
        assert received == {path.name: path.read_bytes() for path in site.bundle.iterdir()}

    run(test())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_ends_quietly(site: Site, number: signal.Signals, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C and SIGTERM: the server lets go of its edges, restores its clocks and returns."""
    ready = site.own / "server.json"

    async def test() -> None:
        server = asyncio.create_task(server_agent.run_agent(replace(site.server(), ready_file=str(ready))))
        while not ready.exists():
            await asyncio.sleep(0.01)
        told = json.loads(ready.read_text())
        assert told["pid"] == os.getpid()
        async with edge_agent.serving(site.edge(told["address"])) as edge, application(edge) as app:
            await app.offloading()
            assert await answered(app) == "server"
            os.kill(os.getpid(), number)
            await server
            assert await answered(app) == "edge"

    with caplog.at_level(logging.INFO):
        run(test())
    assert f"stopping on {number.name}" in caplog.text
    assert caplog.text.count("stopped; clocks restored") == 2


def test_an_edge_stops_on_a_signal(site: Site) -> None:
    """The edge alone: its endpoint is there until the signal and gone after it."""
    ready = site.own / "edge.json"

    async def test() -> None:
        edge = asyncio.create_task(edge_agent.run_agent(replace(site.edge(NOBODY), ready_file=str(ready))))
        while not ready.exists():
            await asyncio.sleep(0.01)
        address = json.loads(ready.read_text())["address"]
        async with application(address) as app:
            assert await answered(app) == "edge"
            os.kill(os.getpid(), signal.SIGTERM)
            await edge
            with pytest.raises(LinkError, match="cannot be reached"):
                await app.status()

    run(test())
