"""Fetching a network where [signed_by] asks for a signature: the digest alone is not enough then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from joulecut.pki.keys import key_pem, new_key
from joulecut_core.errors import BundleError
from joulecut_edge.peers.bundle_fetch import ensure_bundle
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_runtime.networks.bundle_signature import (
    SIGNATURE_FILE,
    SignerOptions,
    SigningKey,
    sign_bundle,
)
from tests.edge.peers.libraries import Library, Slower, chunks_of, load
from tests.integration.tiny_network import pack_tiny

pytest.importorskip("model_signing.signing", reason="the extra `sign` is not installed")


def fetch(source: Path, folder: Path, digest: str, signed_by: SignerOptions | None) -> None:
    """Fetch `source` into `folder` over gRPC."""

    async def run() -> None:
        server = make_server(secured=False)
        add_agent(server, Library(chunks_of(source)), guards=None)
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}"
        await server.start()
        try:
            await ensure_bundle(
                folder, digest, [Candidate(address=address)], signed_by=signed_by, transport=Transport()
            )
        finally:
            await server.stop(None)

    asyncio.run(run())


def signer(folder: Path) -> tuple[SigningKey, SignerOptions]:
    """A key of one's own and the options that ask for its signature."""
    key = new_key()
    (folder / "key.pem").write_bytes(key_pem(key))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return SigningKey(key=folder / "key.pem"), SignerOptions(public_key=str(folder / "public.pem"))


def test_what_nobody_signed_is_not_kept(tmp_path: Path) -> None:
    """Right by its digest, unsigned or changed since: refused and gone; signed: kept, signature and all."""
    source, target = tmp_path / "source", tmp_path / "edge" / "net"
    digest = pack_tiny(source)
    signing, signed_by = signer(tmp_path)
    with pytest.raises(BundleError, match="asks for a signature"):
        fetch(source, target, digest, signed_by)
    sign_bundle(source, signing)
    right = (source / SIGNATURE_FILE).read_text()
    (source / SIGNATURE_FILE).write_text(right.replace('"sig":"', '"sig":"AAAA'))
    with pytest.raises(BundleError, match="its signature is refused"):
        fetch(source, target, digest, signed_by)
    assert not list((tmp_path / "edge").iterdir())
    (source / SIGNATURE_FILE).write_text(right)
    fetch(source, target, digest, signed_by)
    assert (target / SIGNATURE_FILE).read_text() == right


def test_what_another_agent_put_there_has_to_be_signed(tmp_path: Path) -> None:
    """A signed bundle that arrives beside an unsigned one of the same digest does not vouch for it."""
    source, unsigned, target = tmp_path / "source", tmp_path / "unsigned", tmp_path / "edge" / "net"
    digest = pack_tiny(source)
    pack_tiny(unsigned)
    signing, signed_by = signer(tmp_path)
    sign_bundle(source, signing)
    with pytest.raises(BundleError, match="asks for a signature"):
        load(target, digest, Slower(chunks_of(source), unsigned, target), signed_by)
    assert not (target / SIGNATURE_FILE).exists()
    load(tmp_path / "edge" / "own", digest, Library(chunks_of(source)), signed_by)
