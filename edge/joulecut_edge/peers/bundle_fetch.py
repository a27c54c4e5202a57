"""Gets a network this edge lacks from a server, by digest: what arrives is checked before it is believed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import AccessError, BundleError, ConfigError, ContractError, JoulecutError, LinkError
from joulecut_core.time_limits import within
from joulecut_edge.peers.arriving_bundle import (
    append,
    arriving_bundle,
    cannot_be_kept,
    held_bytes,
    keep,
    make_empty,
    remove_leftovers,
    sync_files,
)
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_runtime.networks.bundle import MANIFEST_FILE, POSSIBLE_FILES, open_bundle
from joulecut_runtime.networks.bundle_signature import (
    SIGNATURE_FILE,
    SignerOptions,
    check_signature,
    files_with_signature,
)

_LOG = logging.getLogger(__name__)

_FILES = POSSIBLE_FILES | {SIGNATURE_FILE}
_MOST_BYTES = 4 << 30
"""A bundle larger than this is refused while it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How long one server is waited for, in seconds on the wall; then the next one is asked.

    `first_s`: until its first bytes. `stall_s`: until `least_bytes` more, which a link of 140 kbit/s keeps. `whole_s`:
    until all of them; under TLS the server ends the connection after an hour. All are asked once more where
    `least_bytes` came of any.
    """

    first_s: float = 10.0
    stall_s: float = 60.0
    least_bytes: int = 1 << 20
    whole_s: float = 6 * 3600.0


async def ensure_bundle(
    folder: Path,
    digest: str,
    servers: Sequence[Candidate],
    *,
    signed_by: SignerOptions | None,
    transport: Transport,
    limits: FetchLimits | None = None,
) -> None:
    """Leave the bundle of `digest` in `folder`, fetched from the first server that has it, where it is not there yet.

    A server that sends something else, what nobody of `signed_by` has signed, more than the disk holds, or nothing for
    longer than `limits` allow, is passed over. What came before a link was lost is kept beside `folder`: the next
    server, or the next agent to fetch this bundle, is asked for the rest. A bundle that is in `folder`, be it from
    another agent that was faster, stays and is not checked here: whoever loads it does that.

    Raises ConfigError where the folder is empty and no digest is given, where nothing could be kept there (before any
    server is asked), or where what the last server sent cannot be kept; JoulecutError where the disk is full or fails;
    LinkError where no server has the bundle; BundleError where what the last one sent is not it.
    """
    if (folder / MANIFEST_FILE).exists():
        if digest:
            await asyncio.to_thread(remove_leftovers, folder, digest)
        return
    if not digest:
        raise ConfigError(
            f"bundle: {folder} holds no packed network; run `joulecut pack`, or give its digest to fetch it"
        )
    limits = limits or FetchLimits()
    failure: JoulecutError = LinkError("no server is known")
    with arriving_bundle(folder, digest) as arriving:
        await asyncio.to_thread(remove_leftovers, folder, digest)
        fetch = _Fetch(folder, arriving, digest, signed_by, transport, limits)
        came_bytes = limits.least_bytes
        while came_bytes >= limits.least_bytes:
            held = sum(held_bytes(arriving).values())
            for server in servers:
                refusal = await fetch.attempt(server)
                if refusal is None:
                    return
                _LOG.warning("bundle %s: %s", digest, refusal)
                failure = refusal
            came_bytes = sum(held_bytes(arriving).values()) - held
    kind = LinkError if isinstance(failure, (AccessError, ContractError)) else type(failure)
    raise kind(f"bundle {digest} cannot be fetched: {failure}")


@dataclass(frozen=True, slots=True)
class _Fetch:
    folder: Path
    arriving: Path
    digest: str
    signed_by: SignerOptions | None
    transport: Transport
    limits: FetchLimits

    async def attempt(self, server: Candidate) -> JoulecutError | None:
        """Fetch from one server what is missing; what was wrong with it, None where nothing was."""
        address = server.address
        try:
            await self.transport.check_server(address, server_name=server.server_name)
            security = await self.transport.security(address)
            held = await asyncio.to_thread(held_bytes, self.arriving)
            if held:
                _LOG.info("bundle %s: going on after %d bytes", self.digest, sum(held.values()))
            try:
                await self._fetch(server, security, held)
            except BundleError as error:
                if not held:
                    raise
                # Whose bytes were wrong is not known: its own may be right from the first on.
                _LOG.warning("bundle %s: what was here, and went on at %s: %s", self.digest, address, error)
                await self._fetch(server, security, {})
        except JoulecutError as error:
            return error
        return None

    async def _fetch(self, server: Candidate, security: ChannelSecurity | None, held: Mapping[str, int]) -> None:
        """Go on after what is held. What turns out to be no bundle, or finds no room, is forgotten."""
        address = server.address
        channel = open_channel(address, security, server_name=server.server_name)
        try:
            client = AgentClient(channel, peer=f"server {address}")
            chunks = client.bundle(self.digest, held, timeout_s=self.limits.whole_s)
            await _receive(_in_time(chunks, self.limits, address), self.arriving, sum(held.values()))
            await asyncio.to_thread(self._check, address)
            await asyncio.to_thread(sync_files, self.arriving)
            # Not in a thread: that would go on moving it while a cancelled fetch leaves it.
            if keep(self.arriving, self.folder):
                _LOG.info("fetched bundle %s from %s", self.digest, address)
            else:
                await asyncio.to_thread(make_empty, self.arriving)
                _LOG.info("%s holds a bundle by now, which another agent has put there: it is taken", self.folder)
        except BundleError:
            await asyncio.to_thread(make_empty, self.arriving)
            raise
        except OSError as error:
            await asyncio.to_thread(make_empty, self.arriving)
            raise cannot_be_kept(self.folder, error) from error
        finally:
            await channel.close()

    def _check(self, address: str) -> None:
        signed = check_signature(self.arriving, self.signed_by)
        found = open_bundle(self.arriving, manifest_sha256=signed).digest
        if found != self.digest:
            raise BundleError(f"server {address} sent bundle {found}; expected {self.digest}")
        extra = {path.name for path in self.arriving.iterdir()} - set(files_with_signature(self.arriving))
        if extra:
            raise BundleError(f"server {address} sent {', '.join(sorted(extra))} too; expected what the manifest names")


async def _in_time(chunks: AsyncIterator[BundleChunk], limits: FetchLimits, address: str) -> AsyncIterator[BundleChunk]:
    """The chunks as they come. Raises LinkError where they come too slowly to be waited for, or there are none."""
    loop = asyncio.get_running_loop()
    wait_s, missing = limits.first_s, 0
    due_s = loop.time() + wait_s
    while True:
        try:
            chunk = await within(anext(chunks), due_s - loop.time())
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError as error:
            raise LinkError(f"server {address}: nearly nothing of the bundle came for {wait_s:g} s") from error
        except BundleError as error:
            # Of the server's own bundle: what has come is none the worse.
            raise LinkError(str(error)) from error
        missing -= len(chunk.data)
        if missing <= 0:
            wait_s, missing = limits.stall_s, limits.least_bytes
            due_s = loop.time() + wait_s
        yield chunk


async def _receive(chunks: AsyncIterator[BundleChunk], folder: Path, received: int) -> None:
    async for chunk in chunks:
        if chunk.file not in _FILES:
            raise BundleError(f"{chunk.file} is no file of a bundle; expected one of {', '.join(sorted(_FILES))}")
        if not chunk.data:
            raise BundleError(f"bundle file {chunk.file}: a chunk without bytes; expected at least 1")
        received += len(chunk.data)
        if received > _MOST_BYTES:
            raise BundleError(f"the bundle is larger than {_MOST_BYTES} bytes; raise no limit, check the server")
        path = folder / chunk.file
        if chunk.offset != (path.stat().st_size if path.exists() else 0):
            raise BundleError(f"bundle file {chunk.file}: bytes at {chunk.offset} arrived out of order; fetch it again")
        await append(folder, chunk.file, chunk.offset, chunk.data)
