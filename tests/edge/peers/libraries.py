"""Fake servers that have a bundle, and an edge-agent's start that asks one of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from joulecut_core.errors import BundleError, ContractError, LinkError
from joulecut_core.timing import SystemClock
from joulecut_edge.agent import _load_network
from joulecut_edge.config import EdgeConfig
from joulecut_edge.peers.bundle_fetch import FetchLimits, ensure_bundle
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers
from joulecut_edge.peers.transport import Transport
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_runtime.networks.bundle_signature import SignerOptions, files_with_signature
from tests.proto.fake_services import FakeAgent

NOBODY = "127.0.0.1:9"
"""The discard port: nothing listens there, and a connection is refused at once."""


class Library(FakeAgent):
    """An agent that sends what the caller lacks of these chunks, whatever was asked for; none: it lacks the bundle."""

    def __init__(self, chunks: Sequence[BundleChunk]) -> None:
        super().__init__()
        self._chunks = chunks
        self.asked = 0
        self.sent: list[BundleChunk] = []

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        self.asked += 1
        if not self._chunks:
            raise ContractError(f"network {network_digest} is not served here")
        for chunk in self._chunks:
            if chunk.offset >= held_bytes.get(chunk.file, 0):
                self.sent.append(chunk)
                yield chunk


class Damaged(Library):
    """Has a folder for the bundle and cannot read it."""

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        del network_digest, held_bytes
        self.asked += 1
        for chunk in self._chunks[:0]:
            yield chunk
        raise BundleError("manifest.json is missing or out of reach; expected a bundle of joulecut pack")


class Older(Library):
    """Knows nothing of callers that hold something: sends all of it."""

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        del held_bytes
        async for chunk in super().bundle(network_digest, {}):
            yield chunk


class Breaking(Library):
    """Its link breaks behind these chunks, or, before their end, behind so many of them."""

    def __init__(self, chunks: Sequence[BundleChunk], at_once: int | None = None) -> None:
        super().__init__(chunks)
        self._at_once = at_once

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        done = len(self.sent)
        async for chunk in super().bundle(network_digest, held_bytes):
            yield chunk
            if len(self.sent) - done == self._at_once:
                break
        if self._at_once is None or len(self.sent) < len(self._chunks):
            raise LinkError("the cable was pulled")


class Slower(Library):
    """While it sends, another agent puts the bundle `other` into `folder`."""

    def __init__(self, chunks: Sequence[BundleChunk], other: Path, folder: Path) -> None:
        super().__init__(chunks)
        self._other, self._folder = other, folder

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        shutil.copytree(self._other, self._folder)
        async for chunk in super().bundle(network_digest, held_bytes):
            yield chunk


class Swept(Library):
    """Somebody removes all that lies beside `place`, what has come of the bundle too, after the first piece."""

    def __init__(self, chunks: Sequence[BundleChunk], place: Path) -> None:
        super().__init__(chunks)
        self._beside = place.parent

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        async for chunk in super().bundle(network_digest, held_bytes):
            yield chunk
            while not list(self._beside.glob(f".*/bundle/{chunk.file}")):
                await asyncio.sleep(0)
            shutil.rmtree(self._beside)
            raise LinkError("the cable was pulled")


def chunks_of(folder: Path, *, size_bytes: int = 5000) -> list[BundleChunk]:
    """A bundle's files in small pieces, its signature with them where it has one."""
    chunks = []
    for name in files_with_signature(folder):
        content = (folder / name).read_bytes()
        for offset in range(0, len(content), size_bytes):
            data = content[offset : offset + size_bytes]
            chunks.append(BundleChunk(file=name, offset=offset, data=data, total_bytes=len(content)))
    return chunks


def fetch(
    folder: Path, digest: str, *libraries: Library, first: Sequence[str] = (), limits: FetchLimits | None = None
) -> None:
    """Fetch from servers on ports of their own, after the addresses `first`."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            addresses = list(first)
            for library in libraries:
                server = make_server(secured=False)
                add_agent(server, library, guards=None)
                addresses.append(f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}")
                await server.start()
                stack.push_async_callback(server.stop, None)
            await ensure_bundle(
                folder,
                digest,
                [Candidate(address=each) for each in addresses],
                signed_by=None,
                transport=Transport(),
                limits=limits,
            )

    asyncio.run(run())


def load(folder: Path, digest: str, library: Library, signed_by: SignerOptions | None = None) -> None:
    """Fetch and load the network as an edge-agent does when it starts."""

    async def run() -> None:
        server = make_server(secured=False)
        add_agent(server, library, guards=None)
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}"
        await server.start()
        config = EdgeConfig(device="cpu", bundle=str(folder), digest=digest, server=address, signed_by=signed_by)
        try:
            await _load_network(config, Servers(parse_servers(address), SystemClock()), Transport())
        finally:
            await server.stop(None)

    asyncio.run(run())


def load_announced(folder: Path, digest: str, *libraries: Library) -> None:
    """The same from servers that announce themselves, each as soon as the one before was asked."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            addresses = []
            for library in libraries:
                server = make_server(secured=False)
                add_agent(server, library, guards=None)
                addresses.append(f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}")
                await server.start()
                stack.push_async_callback(server.stop, None)

            def announced() -> Sequence[str]:
                return addresses[: 1 + sum(library.asked for library in libraries)]

            config = EdgeConfig(device="cpu", bundle=str(folder), digest=digest)
            await _load_network(config, Servers((), SystemClock(), discovered=announced), Transport())

    asyncio.run(run())
