"""How an edge reaches servers: certificates, or plain text that stays on its host."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from joulecut_core.errors import AccessError, ConfigError, LinkError
from joulecut_edge.peers.bundle_fetch import ensure_bundle
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from joulecut_proto.channels import bind, make_server
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.security.tls_options import EdgeTls
from joulecut_proto.servicers import add_agent
from joulecut_proto.services import AgentService
from joulecut_runtime.networks.bundle import open_bundle
from tests.edge.peers.libraries import Library, chunks_of
from tests.fakes.certificates import Holder, TestAuthority
from tests.integration.tiny_network import pack_tiny

ELSEWHERE = "192.0.2.7:50551"
"""An address for documentation: nobody's."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """The edge's own site."""
    return TestAuthority(tmp_path_factory.mktemp("site"))


def _tls(holder: Holder, server_identity: str = "") -> EdgeTls:
    return EdgeTls(
        authority=str(holder.authority),
        certificate=str(holder.certificate),
        key=str(holder.key),
        server_identity=server_identity,
    )


@asynccontextmanager
async def _listening(security: ChannelSecurity, agent: AgentService | None = None) -> AsyncIterator[str]:
    server = make_server(secured=True)
    if agent is not None:
        add_agent(server, agent, guards=None)
    port = bind(server, "127.0.0.1:0", security)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def test_plain_text_stays_on_this_host() -> None:
    """A configured server elsewhere is refused at the start; a found one is passed over, with the remedy."""
    plain = Transport()
    plain.check_configured("127.0.0.1:1")
    plain.check_configured("unix:/run/x.sock")
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7:50551: without TLS .*--insecure"):
        plain.check_configured(ELSEWHERE)
    with pytest.raises(LinkError, match=r"192\.0\.2\.7:50551: passed over: .*\[tls\]"):
        asyncio.run(plain.security(ELSEWHERE))
    assert asyncio.run(plain.security("localhost:1")) is None


def test_a_name_that_cannot_be_resolved_yet_is_no_reason_not_to_start() -> None:
    """An edge starts without a network; nothing is sent to a name whose host is not known."""
    plain = Transport()
    plain.check_configured("no-such-host.invalid:1")
    with pytest.raises(LinkError, match="unknown host"):
        asyncio.run(plain.security("no-such-host.invalid:1"))


def test_an_endpoint_is_not_opened_under_a_name_that_cannot_be_resolved_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time that it listens, the name may be one that other hosts reach."""

    def no_resolver(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_resolver)
    with pytest.raises(LinkError, match="unknown host"):
        Transport().check_endpoint("edge.lab:1")


def test_insecure_says_that_the_network_is_trusted() -> None:
    """An explicit flag, and everything works as before."""
    trusting = Transport(insecure=True)
    trusting.check_configured(ELSEWHERE)
    trusting.check_endpoint("0.0.0.0:1")
    assert asyncio.run(trusting.security(ELSEWHERE)) is None


def test_the_endpoint_of_applications_stays_on_this_host(site: TestAuthority) -> None:
    """It has no TLS, whatever there is between agents."""
    for transport in (Transport(), Transport(_tls(site.issue("edge", "cam")))):
        transport.check_endpoint("unix:/run/x.sock")
        transport.check_endpoint("127.0.0.1:0")
        with pytest.raises(ConfigError, match="without TLS only addresses of this host"):
            transport.check_endpoint("0.0.0.0:1")


def test_certificates_go_to_every_host(site: TestAuthority) -> None:
    """Also to this one; a Unix socket needs none."""
    holder = site.issue("edge", "cam")
    transport = Transport(_tls(holder))
    transport.check_configured(ELSEWHERE)
    for address in (ELSEWHERE, "127.0.0.1:1"):
        assert asyncio.run(transport.security(address)) == holder.security
    assert asyncio.run(transport.security("unix:/x")) is None


def test_an_edge_needs_an_edges_certificate(site: TestAuthority) -> None:
    """Found at the start, not as a server that is never reached."""
    with pytest.raises(ConfigError, match=r"is spiffe://lab/server/gpu; expected one of role edge"):
        Transport(_tls(site.issue("server", "gpu")))
    with pytest.raises(ConfigError, match="has 0 URI names"):
        Transport(_tls(site.issue("edge", "cam", uris=())))


@pytest.mark.parametrize(
    ("role", "name", "expected", "fits"),
    [
        ("server", "gpu", "", True),
        ("proxy", "front", "", True),
        ("server", "gpu-1", "spiffe://lab/server/gpu-", True),
        ("server", "cpu-1", "spiffe://lab/server/gpu-", False),
        ("proxy", "front", "spiffe://lab/server/", False),
    ],
)
def test_who_answers_must_be_who_is_expected(
    site: TestAuthority, role: str, name: str, expected: str, fits: bool
) -> None:
    """The right authority and host name are not enough: a certificate is for one role."""
    transport = Transport(_tls(site.issue("edge", "cam"), expected))

    async def run() -> None:
        async with _listening(site.issue(role, name).security) as address:
            await transport.check_server(address)

    if fits:
        asyncio.run(run())
    else:
        with pytest.raises(AccessError, match=f"is spiffe://lab/{role}/{name}; expected"):
            asyncio.run(run())


def test_a_server_of_another_site_under_the_same_authority(site: TestAuthority) -> None:
    """A company's authority signs for many sites; an edge belongs to one."""
    transport = Transport(_tls(site.issue("edge", "cam")))

    async def run() -> None:
        holder = site.issue("server", "gpu", uris=("spiffe://lab-2/server/gpu",), file="foreign")
        async with _listening(holder.security) as address:
            await transport.check_server(address)

    with pytest.raises(AccessError, match=r"is spiffe://lab-2/server/gpu; expected .* spiffe://lab/"):
        asyncio.run(run())


def test_why_a_server_is_not_reached(site: TestAuthority) -> None:
    """The line for the log, where gRPC would have none."""
    transport = Transport(_tls(site.issue("edge", "cam")))

    async def run() -> None:
        expired = site.issue("server", "old", from_days=-3, to_days=-1)
        async with _listening(expired.security) as address:
            with pytest.raises(LinkError, match="its certificate has expired"):
                await transport.check_server(address)

    asyncio.run(run())


def test_a_bundle_comes_from_a_listed_server_under_its_own_name(site: TestAuthority, tmp_path: Path) -> None:
    """A pool's list has addresses, its certificates have names: a fetch asks for the name that the list gives."""
    digest = pack_tiny(tmp_path / "packed")
    holder, edge = site.issue("server", "gpu", hosts=("gpu.lab",)), Transport(_tls(site.issue("edge", "cam")))

    async def run() -> None:
        async with _listening(holder.security, Library(chunks_of(tmp_path / "packed"))) as address:
            with pytest.raises(LinkError, match=r"for other hosts than .*: gpu\.lab"):
                await ensure_bundle(
                    tmp_path / "net", digest, [Candidate(address=address)], signed_by=None, transport=edge
                )
            listed = Candidate(address=address, server_name="gpu.lab")
            await ensure_bundle(tmp_path / "net", digest, [listed], signed_by=None, transport=edge)

    asyncio.run(run())
    assert open_bundle(tmp_path / "net").digest == digest
