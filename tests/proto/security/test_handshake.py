"""Why a TLS connection fails, or who answers it: what gRPC does not tell."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from joulecut_core.errors import AccessError, ConfigError, LinkError
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.security.handshake import peer_identity
from joulecut_proto.security.identity import Identity, Role
from tests.fakes.certificates import TestAuthority
from tests.proto.serving import TIMEOUT_S


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """The authority of both sides."""
    return TestAuthority(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """Somebody else's authority."""
    return TestAuthority(tmp_path_factory.mktemp("other"), "other")


@asynccontextmanager
async def _listening(security: ChannelSecurity | None, host: str = "127.0.0.1") -> AsyncIterator[int]:
    server = make_server(secured=security is not None)
    port = bind(server, f"{host}:0", security)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def _link_local() -> str | None:
    """One of this host's addresses that are reached by an interface, as the kernel lists them."""
    listed = Path("/proc/net/if_inet6")
    rows = [line.split() for line in listed.read_text().splitlines()] if listed.exists() else []
    found = (f"{ipaddress.IPv6Address(int(row[0], 16))}%{row[5]}" for row in rows if row[0].startswith("fe80"))
    return next(found, None)


async def _refusal(address: str, edge: ChannelSecurity, timeout_s: float = TIMEOUT_S) -> str:
    with pytest.raises((AccessError, LinkError)) as raised:
        await peer_identity(address, edge, timeout_s)
    return str(raised.value)


def _explained(server: ChannelSecurity | None, edge: ChannelSecurity) -> str:
    async def run() -> str:
        async with _listening(server) as port:
            text = await _refusal(f"127.0.0.1:{port}", edge)
            assert text.startswith(f"127.0.0.1:{port}: ")
            assert "\n" not in text
            return text

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ("expired", "its certificate has expired on "),
        ("young", "its certificate is valid from "),
        ("foreign", "signed by an authority that is not in "),
        ("elsewhere", "for other hosts than '127.0.0.1': gpu-2.example, 192.0.2.7; "),
        ("misnamed", "for other hosts than '127.0.0.1': 127.0.0.1 (as a host name, not as an address); "),
        ("an edge", "may not be a server's"),
        ("plain", "speaks plain text, not TLS; start that server with [tls]"),
        ("nameless", "the certificate has 0 URI names"),
        ("of no use", "of spiffe://lab/server/useless has no extended key usage serverAuth"),
    ],
)
def test_what_is_wrong_with_the_server(site: TestAuthority, other: TestAuthority, server: str, complaint: str) -> None:
    """Each misconfiguration has its own words, and the numbers that mend it."""
    servers = {
        "expired": site.issue("server", "old", from_days=-3, to_days=-1),
        "young": site.issue("server", "young", from_days=1, to_days=3),
        "foreign": other.issue("server", "gpu"),
        "elsewhere": site.issue("server", "elsewhere", hosts=("gpu-2.example", "192.0.2.7")),
        "misnamed": site.issue("server", "misnamed", hosts=(x509.DNSName("127.0.0.1"),)),
        "an edge": site.issue("edge", "thief"),
        "nameless": site.issue("server", "nameless", uris=()),
        "of no use": site.issue("server", "useless", usages=()),
    }
    security = None if server == "plain" else servers[server].security
    edge = site.issue("edge", "cam").security
    assert complaint in _explained(security, edge)


@pytest.mark.parametrize(
    ("edge", "complaint"),
    [
        ("expired", "this side's certificate {file} has expired on "),
        ("young", "this side's certificate {file} is valid from "),
        ("foreign", "refuses this side's certificate {file}, which was not signed by "),
        ("none", "wants a certificate and this side has none"),
    ],
)
def test_what_is_wrong_with_this_side(site: TestAuthority, other: TestAuthority, edge: str, complaint: str) -> None:
    """A refused certificate looks like a server that is down, until somebody looks."""
    edges = {
        "expired": site.issue("edge", "old", from_days=-3, to_days=-1),
        "young": site.issue("edge", "young", from_days=1, to_days=3),
        "foreign": other.issue("edge", "cam"),
    }
    if edge == "none":
        security, file = ChannelSecurity(authority=site.path), Path()
    else:
        file = edges[edge].certificate
        security = ChannelSecurity(authority=site.path, certificate=file, key=edges[edge].key)
    assert complaint.format(file=file) in _explained(site.issue("server", "gpu").security, security)


def test_a_server_that_trusts_another_authority(site: TestAuthority, other: TestAuthority) -> None:
    """From here it only shows that it is this side's certificate, and where to look."""
    gpu = site.issue("server", "gpu")
    server = ChannelSecurity(authority=other.path, certificate=gpu.certificate, key=gpu.key)
    said = _explained(server, site.issue("edge", "cam").security)
    assert "authority or clock may be another: `joulecut doctor` on its host tells both" in said


def test_nobody_there(site: TestAuthority) -> None:
    """No TLS question at all."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        text = asyncio.run(_refusal(address, site.issue("edge", "cam").security))
    assert text.startswith(f"{address}: nobody listens there")
    text = asyncio.run(_refusal("no-such-host.invalid:1", site.issue("edge", "cam").security))
    assert "unknown host" in text


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_no_way_there(site: TestAuthority, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A robot without its network is not told to look for a server that does not listen."""

    class Cut(socket.socket):
        def connect(self, *_: object) -> None:
            raise OSError(number, os.strerror(number))

    edge = site.issue("edge", "cam").security
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Cut)
        text = asyncio.run(_refusal("192.0.2.1:1", edge))
    assert text.startswith(f"192.0.2.1:1: no way there from this host ({os.strerror(number)})")


def test_an_interface_that_is_gone(site: TestAuthority) -> None:
    """The interface of a link-local address is told where it is missing, and no resolver is blamed."""
    text = asyncio.run(_refusal("[fe80::1%gone0]:1", site.issue("edge", "cam").security))
    assert text == "[fe80::1%gone0]:1: this host has no interface 'gone0' now; check its network"


def test_a_resolver_that_never_answers(site: TestAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A robot out of reach of its resolver goes on after the time of a step, and its agent's end waits for nobody."""
    asked, answers = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> None:
        asked.set()
        answers.wait(TIMEOUT_S)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    before = set(threading.enumerate())
    try:
        text = asyncio.run(_refusal("gpu.example:1", site.issue("edge", "cam").security, 0.05))
        assert asked.is_set()
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)
    finally:
        answers.set()
    assert text.startswith("gpu.example:1: no resolver has answered within 0.05 s")


def test_somebody_who_never_answers(site: TestAuthority) -> None:
    """A port that takes connections and stays silent ends with the time given."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        text = asyncio.run(_refusal(address, site.issue("edge", "cam").security, 0.05))
    assert text == f"{address}: accepts connections but does not answer the TLS handshake in time"


def test_a_tls_server_of_another_protocol(site: TestAuthority) -> None:
    """A web server's port, with a certificate of this very site: gRPC would find nobody to talk to there."""

    async def run() -> str:
        holder = site.issue("server", "web")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=holder.authority)
        context.load_cert_chain(holder.certificate, holder.key)
        context.set_alpn_protocols(["http/1.1"])

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            del reader
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
            return await _refusal(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", site.issue("edge", "cam").security)

    assert asyncio.run(run()).endswith(": speaks TLS but not HTTP/2; check the port")


def test_who_answers(site: TestAuthority) -> None:
    """The identity in the server's certificate, which gRPC's channel never shows."""

    async def run() -> None:
        edge = site.issue("edge", "cam").security
        async with _listening(site.issue("server", "gpu").security) as port:
            found = await peer_identity(f"127.0.0.1:{port}", edge, TIMEOUT_S)
            assert found == Identity(site="lab", role=Role.SERVER, name="gpu")
        async with _listening(site.issue("server", "named", hosts=("gpu.example",)).security) as port:
            address = f"127.0.0.1:{port}"
            assert (await peer_identity(address, edge, TIMEOUT_S, server_name="gpu.example")).name == "named"
            with pytest.raises(LinkError, match="for other hosts than"):
                await peer_identity(address, edge, TIMEOUT_S)
        async with _listening(site.issue("server", "odd", uris=("urn:x",)).security) as port:
            with pytest.raises(AccessError, match="'urn:x' is no identity"):
                await peer_identity(f"127.0.0.1:{port}", edge, TIMEOUT_S)

    asyncio.run(run())


def test_an_interface_is_no_part_of_a_name(site: TestAuthority) -> None:
    """Over a cable between two hosts an address needs it, and no certificate has it; gRPC leaves it out as well."""
    reached = _link_local()
    if reached is None:
        pytest.skip("no interface here has a link-local IPv6 address")

    async def run() -> None:
        edge = site.issue("edge", "cam").security
        host = reached.partition("%")[0]
        async with _listening(site.issue("server", "six", hosts=(host,)).security, "[::]") as port:
            address = f"[{reached}]:{port}"
            assert (await peer_identity(address, edge, TIMEOUT_S)).name == "six"
            async with open_channel(address, edge) as channel:
                await asyncio.wait_for(channel.channel_ready(), TIMEOUT_S)

    asyncio.run(run())


@pytest.mark.parametrize("host", ["fe80::1", "FE80::2"])
def test_an_interface_that_is_missing(site: TestAuthority, host: str) -> None:
    """A link-local address alone leads nowhere, whether or not somebody listens at its end."""
    text = asyncio.run(_refusal(f"[{host}]:50551", site.issue("edge", "cam").security))
    assert text == (
        f"[{host}]:50551: a link-local address lacks the interface that leads to it; add this host's, as in "
        "[fe80::1%eth0]:50551"
    )


def test_files_that_cannot_be_used(site: TestAuthority, tmp_path: Path) -> None:
    """A wrong file is named before anybody is called; Unix sockets have no TLS."""
    missing = ChannelSecurity(authority=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"none\.pem: No such file"):
        asyncio.run(peer_identity("127.0.0.1:1", missing, TIMEOUT_S))
    with pytest.raises(ConfigError, match="Unix sockets have no TLS"):
        asyncio.run(peer_identity("unix:/x", site.issue("edge", "cam").security, TIMEOUT_S))


def test_comments_between_authorities_do_no_harm(site: TestAuthority, tmp_path: Path) -> None:
    """Bundles of authorities carry names in any language."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes("# Zertifizierungsstelle für München\n".encode() + site.path.read_bytes())
    edge = site.issue("edge", "cam")
    security = ChannelSecurity(authority=bundle, certificate=edge.certificate, key=edge.key)

    async def run() -> Identity:
        async with _listening(site.issue("server", "gpu").security) as port:
            return await peer_identity(f"127.0.0.1:{port}", security, TIMEOUT_S)

    assert asyncio.run(run()).name == "gpu"


def test_a_server_that_waits_for_the_client_to_begin_is_understood(site: TestAuthority) -> None:
    """Proxies send HTTP/2's settings after the client's preface; gRPC's servers before it."""

    async def run() -> Identity:
        holder = site.issue("proxy", "front")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=holder.authority)
        context.load_cert_chain(holder.certificate, holder.key)
        context.set_alpn_protocols(["h2"])

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(33) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
            writer.write(b"\0\0\0\x04\0\0\0\0\0")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            return await peer_identity(f"127.0.0.1:{port}", site.issue("edge", "cam").security, TIMEOUT_S)

    assert asyncio.run(run()).role is Role.PROXY
