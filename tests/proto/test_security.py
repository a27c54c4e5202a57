"""TLS: mutual where both present a certificate; whoever lacks one gets nowhere."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, LinkError
from joulecut_proto.clients import AgentClient
from joulecut_proto.security import ChannelSecurity, channel_credentials, server_credentials
from joulecut_proto.servicers import add_agent
from tests.proto.fake_services import FakeAgent
from tests.proto.serving import TIMEOUT_S, serving

NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the test's certificates")


def _authority(folder: Path, name: str) -> None:
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", f"{name}.key", "-out", f"{name}.pem",
    )  # fmt: skip


def _certificate(folder: Path, name: str, authority: str) -> None:
    (folder / "extensions").write_text("subjectAltName=DNS:localhost\n")
    _openssl(
        folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
        "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
        "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", f"{name}.pem",
    )  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; a server and an edge of the first, a stranger of the second."""
    path = tmp_path_factory.mktemp("certificates")
    for authority in ("site", "other"):
        _authority(path, authority)
    for name, authority in (("server", "site"), ("edge", "site"), ("stranger", "other")):
        _certificate(path, name, authority)
    return path


def _security(folder: Path, name: str | None, authority: str | None = "site") -> ChannelSecurity:
    return ChannelSecurity(
        authority=None if authority is None else folder / f"{authority}.pem",
        certificate=None if name is None else folder / f"{name}.pem",
        key=None if name is None else folder / f"{name}.key",
    )


async def _call(server: ChannelSecurity, client: ChannelSecurity | None) -> float:
    async with serving(lambda each: add_agent(each, FakeAgent()), security=server, trusted=client) as channel:
        return (await AgentClient(channel, peer="gpu").state(timeout_s=TIMEOUT_S)).overrun_s


@NEEDS_OPENSSL
def test_mutual_tls(folder: Path) -> None:
    """Both sides of one site."""
    assert asyncio.run(_call(_security(folder, "server"), _security(folder, "edge"))) == 0.5


@NEEDS_OPENSSL
def test_server_tls_alone(folder: Path) -> None:
    """A server without an authority takes clients without certificates, encrypted."""
    assert asyncio.run(_call(_security(folder, "server", None), _security(folder, None))) == 0.5


@NEEDS_OPENSSL
@pytest.mark.parametrize("client", ["nameless", "stranger", "plain", "distrusting"])
def test_strangers_get_nowhere(folder: Path, client: str) -> None:
    """No certificate, a foreign one, no TLS at all, or a client that does not know the server's authority."""
    clients = {
        "nameless": _security(folder, None),
        "stranger": _security(folder, "stranger"),
        "plain": None,
        "distrusting": _security(folder, "edge", "other"),
    }
    with pytest.raises(LinkError, match="certificates"):
        asyncio.run(_call(_security(folder, "server"), clients[client]))


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    """Found when the configuration is read, not at the first call."""
    with pytest.raises(ConfigError, match="certificate and key go together"):
        ChannelSecurity(certificate=tmp_path / "c.pem")
    with pytest.raises(ConfigError, match="no files given"):
        ChannelSecurity()
    with pytest.raises(ConfigError, match="a server needs certificate and key"):
        server_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="a client needs authority"):
        channel_credentials(ChannelSecurity(certificate=tmp_path / "c.pem", key=tmp_path / "c.key"))


def test_missing_and_wrong_files_are_named(tmp_path: Path) -> None:
    """A typo in a path is one clear line."""
    with pytest.raises(ConfigError, match=r"TLS authority .*ca\.pem: No such file"):
        channel_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_bytes(b"\x30\x82")
    with pytest.raises(ConfigError, match=r"ca\.pem: not PEM"):
        channel_credentials(ChannelSecurity(authority=tmp_path / "ca.pem"))
