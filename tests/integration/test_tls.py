"""Both agents over mutual TLS: who gets in, what the rules leave them, and what is refused at the start."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import joulecut_edge.agent as edge_agent
import joulecut_server.agent as server_agent
from joulecut_core.errors import AccessError, ConfigError
from joulecut_edge.config import EdgeConfig
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security.tls_options import EdgeTls, ServerTls
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from tests.fakes.certificates import Holder, TestAuthority
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures


@pytest.fixture(scope="module", name="authority")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("authority"))


def _secured_server(site: Site, authority: TestAuthority, *rules: EdgeRule) -> ServerConfig:
    holder = authority.issue("server", "gpu")
    tls = ServerTls(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))
    return replace(site.server(), tls=tls, access=AccessOptions(edges=rules) if rules else None)


def _secured_edge(site: Site, server: str, holder: Holder) -> EdgeConfig:
    tls = EdgeTls(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))
    return replace(site.edge(server), tls=tls)


async def _logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    while text not in caplog.text:
        await asyncio.sleep(0.01)


async def _state(address: str, holder: Holder) -> object:
    async with open_channel(address, holder.security) as channel:
        return await AgentClient(channel, peer="server").state(timeout_s=WAIT_S)


@pytest.mark.parametrize("moves", [True, False])
def test_an_edge_offloads_over_mutual_tls(site: Site, authority: TestAuthority, moves: bool) -> None:
    """As over plain text; and an edge without a say about the clock is served at the clock that there is."""
    rules = (EdgeRule(names=("cam",), networks=("tiny",), clock=moves),)

    async def run() -> None:
        async with server_agent.serving(_secured_server(site, authority, *rules)) as address:
            config = _secured_edge(site, address, authority.issue("edge", "cam"))
            async with edge_agent.serving(config) as endpoint, application(endpoint) as app:
                status = await asyncio.wait_for(app.offloading(), WAIT_S)
                assert status.assignment is not None
                assert status.assignment.server_clock is not None
                _, reply = await app.infer(pictures(1)[0])
                assert reply.ledger.served_by == "server"
                async with open_channel(address, authority.issue("operator", "boss").security) as channel:
                    leased = (await AgentClient(channel, peer="server").state(timeout_s=WAIT_S)).leased
                assert leased == (status.assignment.server_clock if moves else None)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("another name", "no rule of [[access.edges]] names spiffe://lab/edge/truck"),
        ("another network", "does not serve tiny"),
        ("another authority", "its certificate was signed by an authority that is not in"),
    ],
)
def test_an_edge_that_is_refused_answers_alone(
    site: Site, authority: TestAuthority, wrong: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The application has its answers, whatever the server thinks of the edge; the edge's log says why."""
    caplog.set_level(logging.INFO, "joulecut_edge")
    rule = EdgeRule(names=("cam",), networks=("else",) if wrong == "another network" else ("*",))
    other = TestAuthority(site.own / "other", "lab")
    holder = (other if wrong == "another authority" else authority).issue(
        "edge", "truck" if wrong == "another name" else "cam"
    )

    async def run() -> None:
        async with server_agent.serving(_secured_server(site, authority, rule)) as address:
            config = _secured_edge(site, address, holder)
            async with edge_agent.serving(config) as endpoint, application(endpoint) as app:
                await asyncio.wait_for(_logged(caplog, reason), WAIT_S)
                _, reply = await app.infer(pictures(1)[0])
                assert reply.ledger.served_by == "edge"
                assert not (await app.status()).server_connected

    asyncio.run(run())


def test_whom_no_rule_names_is_told(site: Site, authority: TestAuthority) -> None:
    """With the status and the text of the rule that is missing."""

    async def run() -> None:
        async with server_agent.serving(_secured_server(site, authority, EdgeRule(names=("cam",)))) as address:
            assert await _state(address, authority.issue("edge", "cam"))
            with pytest.raises(AccessError, match=r"no rule of .* names spiffe://lab/edge/truck"):
                await _state(address, authority.issue("edge", "truck"))

    asyncio.run(run())


def test_another_sites_certificate_is_refused(site: Site, authority: TestAuthority) -> None:
    """Though the same authority signed it: the server's own certificate says whose it is."""

    async def run() -> None:
        async with server_agent.serving(_secured_server(site, authority)) as address:
            with pytest.raises(AccessError, match="is of site plant; this server is of lab"):
                await _state(address, authority.issue("edge", "cam", uris=("spiffe://plant/edge/cam",)))
            assert await _state(address, authority.issue("edge", "cam"))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("secured", "wanted", "reflected"), [(False, None, True), (True, None, False), (True, True, True)]
)
def test_health_is_open_and_reflection_is_for_this_host(
    site: Site, authority: TestAuthority, secured: bool, wanted: bool | None, reflected: bool
) -> None:
    """A balancer may ask for health with any certificate of the site; nobody needs the list of services from afar."""
    holder = authority.issue("proxy", "front")
    config = _secured_server(site, authority, EdgeRule(names=("nobody",))) if secured else site.server()

    async def run() -> None:
        async with (
            server_agent.serving(replace(config, reflection=wanted)) as address,
            open_channel(address, holder.security if secured else None) as channel,
        ):
            health = cast(Any, health_pb2_grpc.HealthStub)(channel)
            reply = await health.Check(health_pb2.HealthCheckRequest(), timeout=WAIT_S)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
            stub = cast(Any, reflection_pb2_grpc.ServerReflectionStub)(channel)
            call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
            if reflected:
                listed = [service.name async for each in call for service in each.list_services_response.service]
                assert "joulecut.v1.Agent" in listed
            else:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(run())


def test_agents_refuse_plain_text_with_other_hosts(site: Site) -> None:
    """At the start, before anything is profiled or bound, with the remedy."""

    async def start_server(config: ServerConfig) -> None:
        async with server_agent.serving(config):
            pass

    async def start_edge(config: EdgeConfig) -> None:
        async with edge_agent.serving(config):
            pass

    everywhere = replace(site.server(), listen="0.0.0.0:0")
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0:0: without TLS .*`joulecut pki`.*--insecure"):
        asyncio.run(start_server(everywhere))
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7:1: without TLS .*--insecure"):
        asyncio.run(start_edge(site.edge("192.0.2.7:1")))
    with pytest.raises(ConfigError, match="without TLS only addresses of this host"):
        asyncio.run(start_edge(replace(site.edge("127.0.0.1:1"), listen="0.0.0.0:0")))
    asyncio.run(start_server(replace(everywhere, insecure=True)))


def test_certificates_of_the_wrong_kind_stop_an_agent(site: Site, authority: TestAuthority) -> None:
    """A mix-up of files is found by who made it, not by every peer."""

    async def start_server(config: ServerConfig) -> None:
        async with server_agent.serving(config):
            pass

    holder = authority.issue("edge", "cam")
    tls = ServerTls(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))
    with pytest.raises(ConfigError, match=r"is spiffe://lab/edge/cam; expected one of role server"):
        asyncio.run(start_server(replace(site.server(), tls=tls)))
    anything = authority.issue("server", "anything", usages=()).certificate
    with pytest.raises(ConfigError, match=r"anything\.pem: has no extended key usage serverAuth"):
        asyncio.run(
            start_server(
                replace(
                    site.server(), tls=replace(tls, certificate=str(anything), key=str(anything.with_suffix(".key")))
                )
            )
        )
    with pytest.raises(ConfigError, match=r"TLS certificate .*none\.pem: No such file"):
        asyncio.run(start_server(replace(site.server(), tls=replace(tls, certificate="none.pem"))))
