"""TLS: mutual where both present a certificate; whoever lacks one gets nowhere; files change without a restart."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security import channel_security
from joulecut_proto.security.channel_security import (
    ChannelSecurity,
    FreshFiles,
    channel_credentials,
    server_credentials,
)
from joulecut_proto.security.key_pairs import read_key_pair
from joulecut_proto.servicers import add_agent
from tests.fakes.certificates import Holder, TestAuthority, of_unknown_curve, of_unknown_version
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, serving


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """The authority that everybody here trusts."""
    return TestAuthority(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """Somebody else's authority."""
    return TestAuthority(tmp_path_factory.mktemp("other"), "other")


async def _state(security: ChannelSecurity | None, port: int, host: str = "localhost") -> float:
    async with open_channel(f"{host}:{port}", security) as channel:
        return (await AgentClient(channel, peer="gpu").state(timeout_s=TIMEOUT_S)).overrun_s


async def _call(server: ChannelSecurity, client: ChannelSecurity | None) -> float:
    async with serving(
        lambda each: add_agent(each, FakeAgent(), guards=None), security=server, trusted=client
    ) as channel:
        return (await AgentClient(channel, peer="gpu").state(timeout_s=TIMEOUT_S)).overrun_s


@asynccontextmanager
async def _listening(security: ChannelSecurity) -> AsyncIterator[int]:
    server = make_server(secured=True)
    add_agent(server, FakeAgent(), guards=None)
    port = bind(server, "127.0.0.1:0", security)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def _in_place(holder: Holder, folder: Path) -> Holder:
    """Swap the files in `folder` for those of `holder`, each at once, as a careful program does."""
    placed = Holder(authority=folder / "a.pem", certificate=folder / "c.pem", key=folder / "k.pem")
    for source, target in zip(
        (holder.authority, holder.certificate, holder.key),
        (placed.authority, placed.certificate, placed.key),
        strict=True,
    ):
        shutil.copy(source, folder / "new")
        (folder / "new").replace(target)
    return placed


def test_mutual_tls(site: TestAuthority) -> None:
    """Both sides of one site."""
    assert asyncio.run(_call(site.issue("server", "gpu").security, site.issue("edge", "cam").security)) == 0.5


def test_server_tls_alone(site: TestAuthority) -> None:
    """A server without an authority takes clients without certificates, encrypted."""
    holder = site.issue("server", "gpu")
    server = ChannelSecurity(certificate=holder.certificate, key=holder.key)
    assert asyncio.run(_call(server, ChannelSecurity(authority=site.path))) == 0.5


@pytest.mark.parametrize("client", ["nameless", "stranger", "expired", "not yet valid", "plain", "distrusting"])
def test_strangers_get_nowhere(site: TestAuthority, other: TestAuthority, client: str) -> None:
    """No certificate, a foreign one, one out of date, no TLS at all, or a client that does not know the authority."""
    stranger, edge = other.issue("edge", "cam"), site.issue("edge", "cam")
    clients = {
        "nameless": ChannelSecurity(authority=site.path),
        "stranger": ChannelSecurity(authority=site.path, certificate=stranger.certificate, key=stranger.key),
        "expired": site.issue("edge", "old", from_days=-3, to_days=-1).security,
        "not yet valid": site.issue("edge", "young", from_days=1, to_days=3).security,
        "plain": None,
        "distrusting": ChannelSecurity(authority=other.path, certificate=edge.certificate, key=edge.key),
    }
    with pytest.raises(LinkError, match="certificates"):
        asyncio.run(_call(site.issue("server", "gpu").security, clients[client]))


@pytest.mark.parametrize("server", ["an edge", "another host", "expired"])
def test_false_servers_hear_nothing(site: TestAuthority, server: str) -> None:
    """An edge's stolen certificate cannot play the server, nor that of another host or of last year."""
    servers = {
        "an edge": site.issue("edge", "thief"),
        "another host": site.issue("server", "elsewhere", hosts=("gpu-2.example",)),
        "expired": site.issue("server", "old", from_days=-3, to_days=-1),
    }
    with pytest.raises(LinkError, match="certificates"):
        asyncio.run(_call(servers[server].security, site.issue("edge", "cam").security))


def test_a_resolved_name_is_still_the_one_that_is_checked(site: TestAuthority) -> None:
    """Who resolves a name itself calls an address, and expects the certificate of the name."""
    server = site.issue("server", "gpu", hosts=("gpu.example",))
    edge = site.issue("edge", "cam").security

    async def run() -> float:
        async with (
            _listening(server.security) as port,
            open_channel(f"127.0.0.1:{port}", edge, server_name="gpu.example") as channel,
        ):
            return (await AgentClient(channel, peer="gpu").state(timeout_s=TIMEOUT_S)).overrun_s

    assert asyncio.run(run()) == 0.5


def test_authority_and_certificate_change_under_load(
    site: TestAuthority, other: TestAuthority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls under way go on; who comes new needs the new authority; nobody restarts anything."""
    caplog.set_level(logging.INFO)
    old_edge, new_edge = site.issue("edge", "cam").security, other.issue("edge", "cam").security
    placed = _in_place(site.issue("server", "gpu"), tmp_path)

    async def run() -> int:
        answered, stop = 0, asyncio.Event()
        async with _listening(placed.security) as port, open_channel(f"localhost:{port}", old_edge) as channel:
            client = AgentClient(channel, peer="gpu")

            async def load() -> None:
                nonlocal answered
                while not stop.is_set():
                    await client.state(timeout_s=TIMEOUT_S)
                    answered += 1

            await client.state(timeout_s=TIMEOUT_S)
            loading = asyncio.create_task(load())
            _in_place(other.issue("server", "gpu", uris=("spiffe://lab/server/gpu",)), tmp_path)
            assert await _state(new_edge, port) == 0.5
            with pytest.raises(LinkError):
                await _state(old_edge, port)
            before = answered
            while answered == before:
                await asyncio.sleep(0)
            stop.set()
            await loading
        return answered

    assert asyncio.run(run()) > 0
    assert caplog.text.count("certificate files have changed") == 1


@pytest.mark.parametrize(
    "damage",
    [
        "half",
        "other key",
        "gone",
        "not PEM",
        "unknown version",
        "unknown curve",
        "key of unknown curve",
        "expired",
        "authority",
        "an edge's",
        "of no use",
        "another site's",
    ],
)
def test_broken_files_change_nothing(
    site: TestAuthority, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A renewal that stops half-way leaves the server as it was, says so once, and is taken up once it is whole."""
    edge = site.issue("edge", "cam").security
    first, second = site.issue("server", "gpu"), site.issue("server", "gpu", file="second")
    placed = _in_place(first, tmp_path)
    text = placed.certificate.read_bytes()
    misissued = {
        "expired": partial(site.issue, "server", "gpu", from_days=-3, to_days=-1),
        "an edge's": partial(site.issue, "edge", "gpu"),
        "another site's": partial(site.issue, "server", "gpu", uris=("spiffe://plant/server/gpu",)),
        "of no use": partial(site.issue, "server", "gpu", usages=()),
    }

    key = placed.key.read_bytes()
    written = {
        "half": (placed.certificate, text[: len(text) // 2]),
        "other key": (placed.certificate, second.certificate.read_bytes()),
        "unknown version": (placed.certificate, of_unknown_version(text)),
        "unknown curve": (placed.certificate, of_unknown_curve(text)),
        "key of unknown curve": (placed.key, of_unknown_curve(key)),
        "not PEM": (placed.key, b"\x30\x82"),
        "authority": (placed.authority, b"-----BEGIN CERTIFICATE-----\n"),
    }

    def spoil() -> None:
        if damage == "gone":
            placed.key.unlink()
        elif damage in misissued:
            _in_place(misissued[damage](file="misissued"), tmp_path)
        else:
            path, content = written[damage]
            path.write_bytes(content)

    async def run() -> None:
        async with _listening(placed.security) as port:
            spoil()
            for _ in range(3):
                assert await _state(edge, port) == 0.5
            _in_place(second, tmp_path)
            assert await _state(edge, port) == 0.5

    asyncio.run(run())
    assert caplog.text.count("new certificate files are not used") == 1


def test_a_file_that_could_not_be_read_is_read_once_it_can(
    site: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that was copied by another user is given to the agent's: its content stays what it was."""
    edge = site.issue("edge", "cam").security
    placed = _in_place(site.issue("server", "gpu"), tmp_path)
    opened = Path.open

    def opened_by_its_owner(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == placed.key and not path.stat().st_mode & stat.S_IRUSR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **options)

    async def run() -> None:
        async with _listening(placed.security) as port:
            monkeypatch.setattr(Path, "open", opened_by_its_owner)
            _in_place(site.issue("server", "gpu", file="second"), tmp_path)
            placed.key.chmod(0)
            assert await _state(edge, port) == 0.5
            assert "certificate files have changed" not in caplog.text
            placed.key.chmod(0o600)
            assert await _state(edge, port) == 0.5

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert caplog.text.count("Permission denied; give a readable PEM file") == 1
    assert caplog.text.count("certificate files have changed") == 1


def test_files_that_need_not_change_to_be_used(
    site: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A certificate that is not valid yet, then one read out of descriptors: each is told once, and used in the end."""
    seconds = count(step=channel_security._AGAIN_S)
    placed = _in_place(site.issue("server", "gpu"), tmp_path)
    files = FreshFiles(placed.security, lambda pair: pair.leaf.serial_number, now_s=lambda: next(seconds))
    early = _in_place(site.issue("server", "gpu", file="early"), tmp_path)
    with monkeypatch.context() as now, caplog.at_level(logging.INFO):
        now.setattr(
            channel_security, "wrong_dates", lambda leaf: "is early" if leaf.serial_number != files.first else ""
        )
        assert [files.changed() for _ in range(3)] == [None] * 3
        now.undo()
        now.setattr(Path, "open", _out_of_descriptors)
        assert [files.changed() for _ in range(3)] == [None] * 3
    assert (caplog.text.count("is early"), caplog.text.count("Too many open files")) == (1, 1)
    assert files.changed() == read_key_pair(early.certificate, early.key).leaf.serial_number != files.first
    assert files.changed() is None


def _out_of_descriptors(path: Path, *_: Any, **__: Any) -> Any:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))


def test_no_text_has_anything_of_a_key(site: TestAuthority, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither errors nor logs nor the pair's own repr; names of files are fine."""
    caplog.set_level(logging.DEBUG)
    holder = site.issue("edge", "cam")
    secret = holder.key.read_text().splitlines()[1]
    spoiled = tmp_path / "key.pem"
    spoiled.write_text(f"-----BEGIN PRIVATE KEY-----\n{secret}\n")
    with pytest.raises(ConfigError, match=r"key\.pem: not a whole private key") as caught:
        channel_credentials(ChannelSecurity(authority=holder.authority, certificate=holder.certificate, key=spoiled))
    pair = read_key_pair(holder.certificate, holder.key)
    assert secret not in f"{caught.value} {caught.value.__cause__} {caplog.text} {pair!r}"


def test_files_that_do_not_belong_together(site: TestAuthority, tmp_path: Path) -> None:
    """Found when the configuration is read, not at the first call."""
    with pytest.raises(ConfigError, match="certificate and key go together"):
        ChannelSecurity(certificate=tmp_path / "c.pem")
    with pytest.raises(ConfigError, match="no files given"):
        ChannelSecurity()
    with pytest.raises(ConfigError, match="a server needs certificate and key"):
        server_credentials(ChannelSecurity(authority=site.path))
    with pytest.raises(ConfigError, match="a client needs authority"):
        channel_credentials(ChannelSecurity(certificate=tmp_path / "c.pem", key=tmp_path / "c.key"))
    one, two = site.issue("edge", "one"), site.issue("edge", "two")
    with pytest.raises(ConfigError, match=r"edge-two\.key: not the key of certificate .*edge-one\.pem"):
        channel_credentials(ChannelSecurity(authority=site.path, certificate=one.certificate, key=two.key))


def test_missing_and_wrong_files_are_named(tmp_path: Path) -> None:
    """A typo in a path is one clear line."""
    with pytest.raises(ConfigError, match=r"TLS authority .*ca\.pem: No such file"):
        channel_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_bytes(b"\x30\x82")
    with pytest.raises(ConfigError, match=r"ca\.pem: not PEM"):
        channel_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_bytes(b"-----BEGIN X" + b"A" * (2 << 20))
    with pytest.raises(ConfigError, match=r"ca\.pem: not PEM; .*at most 1 MiB"):
        channel_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
