"""Fetching a network where [signed_by] asks for a signature: the digest alone is not enough then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from joulecut.pki.keys import key_pem, new_key
from joulecut_core.errors import BundleError
from joulecut_edge.peers.bundle_fetch import ensure_bundle
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_runtime.networks.bundle_signature import (
    SIGNATURE_FILE,
    SignerOptions,
    SigningKey,
    files_with_signature,
    sign_bundle,
)
from tests.integration.tiny_network import pack_tiny
from tests.proto.fake_services import FakeAgent

pytest.importorskip("model_signing.signing", reason="the extra `sign` is not installed")


class Library(FakeAgent):
    """An agent that sends the files of a folder, as a server does."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def bundle(self, network_digest: str) -> AsyncIterator[BundleChunk]:
        del network_digest
        for name in files_with_signature(self._folder):
            content = (self._folder / name).read_bytes()
            yield BundleChunk(file=name, offset=0, data=content, total_bytes=len(content))


def fetch(source: Path, folder: Path, digest: str, signed_by: SignerOptions | None) -> None:
    """Fetch `source` into `folder` over gRPC."""

    async def run() -> None:
        server = make_server()
        add_agent(server, Library(source))
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0')}"
        await server.start()
        try:
            await ensure_bundle(folder, digest, [address], signed_by)
        finally:
            await server.stop(None)

    asyncio.run(run())


def test_what_nobody_signed_is_not_kept(tmp_path: Path) -> None:
    """Right by its digest, unsigned or changed since: refused and gone; signed: kept, signature and all."""
    source, target = tmp_path / "source", tmp_path / "edge" / "net"
    digest = pack_tiny(source)
    key = new_key()
    (tmp_path / "key.pem").write_bytes(key_pem(key))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "public.pem").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    signed_by = SignerOptions(public_key=str(tmp_path / "public.pem"))
    with pytest.raises(BundleError, match="asks for a signature"):
        fetch(source, target, digest, signed_by)
    sign_bundle(source, SigningKey(key=tmp_path / "key.pem"))
    right = (source / SIGNATURE_FILE).read_text()
    (source / SIGNATURE_FILE).write_text(right.replace('"sig":"', '"sig":"AAAA'))
    with pytest.raises(BundleError, match="its signature is refused"):
        fetch(source, target, digest, signed_by)
    assert not list((tmp_path / "edge").iterdir())
    (source / SIGNATURE_FILE).write_text(right)
    fetch(source, target, digest, signed_by)
    assert (target / SIGNATURE_FILE).read_text() == right
