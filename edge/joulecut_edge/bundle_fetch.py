"""Gets a network this edge lacks from a server, by digest: what arrives is checked before it is believed."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from joulecut_core.errors import AccessError, BundleError, ConfigError, ContractError, JoulecutError, LinkError
from joulecut_edge.transport import Transport
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_runtime.bundle import MANIFEST_FILE, open_bundle
from joulecut_runtime.bundle_signature import SignerOptions, check_signature

_LOG = logging.getLogger(__name__)

_FETCH_S = 600.0
_MOST_BYTES = 4 << 30
"""A bundle larger than this is refused while it arrives."""


async def ensure_bundle(
    folder: Path,
    digest: str,
    addresses: Sequence[str],
    signed_by: SignerOptions | None = None,
    transport: Transport | None = None,
) -> None:
    """Leave the bundle of `digest` in `folder`, fetched from the first server that has it, where it is not there yet.

    A server that sends something else, or what nobody of `signed_by` has signed, is passed over. Raises ConfigError
    where the folder is empty and no digest is given, LinkError where no server has the bundle, BundleError where what
    the last one sent is not it.
    """
    if (folder / MANIFEST_FILE).exists():
        return
    if not digest:
        raise ConfigError(
            f"bundle: {folder} holds no packed network; run `joulecut pack`, or give its digest to fetch it"
        )
    failure: JoulecutError = LinkError("no server is known")
    for address in addresses:
        refusal = await _try_fetch(folder, digest, address, signed_by, transport or Transport())
        if refusal is None:
            return
        _LOG.warning("bundle %s: %s", digest, refusal)
        failure = refusal
    kind = BundleError if isinstance(failure, BundleError) else LinkError
    raise kind(f"bundle {digest} cannot be fetched: {failure}")


async def _try_fetch(
    folder: Path, digest: str, address: str, signed_by: SignerOptions | None, transport: Transport
) -> JoulecutError | None:
    try:
        await transport.check_server(address)
        await _fetch(folder, digest, address, signed_by, await transport.security(address))
    except (AccessError, LinkError, ContractError, BundleError) as error:
        return error
    return None


async def _fetch(
    folder: Path, digest: str, address: str, signed_by: SignerOptions | None, security: ChannelSecurity | None
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    channel = open_channel(address, security)
    arriving = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".bundle-"))
    try:
        await _receive(AgentClient(channel, peer=f"server {address}").bundle(digest, timeout_s=_FETCH_S), arriving)
        await asyncio.to_thread(check_signature, arriving, signed_by)
        found = (await asyncio.to_thread(open_bundle, arriving)).digest
        if found != digest:
            raise BundleError(f"server {address} sent bundle {found}; expected {digest}")
        if folder.exists():
            folder.rmdir()
        arriving.rename(folder)
        _LOG.info("fetched bundle %s from %s", digest, address)
    except OSError as error:
        raise ConfigError(f"bundle: cannot be kept in {folder}: {error}") from error
    finally:
        await channel.close()
        shutil.rmtree(arriving, ignore_errors=True)


async def _receive(chunks: AsyncIterator[BundleChunk], folder: Path) -> None:
    received = 0
    async for chunk in chunks:
        received += len(chunk.data)
        if received > _MOST_BYTES:
            raise BundleError(f"the bundle is larger than {_MOST_BYTES} bytes; raise no limit, check the server")
        path = folder / chunk.file
        if chunk.offset != (path.stat().st_size if path.exists() else 0):
            raise BundleError(f"bundle file {chunk.file}: bytes at {chunk.offset} arrived out of order; fetch it again")
        with path.open("ab") as stream:
            stream.write(chunk.data)
