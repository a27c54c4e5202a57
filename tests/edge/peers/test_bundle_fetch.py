"""Fetching a network by its digest: what arrives is believed only where it is what was asked for."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from joulecut_core.errors import BundleError, ConfigError, ContractError, LinkError
from joulecut_edge.peers.bundle_fetch import FetchLimits, _in_time, ensure_bundle
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_runtime.networks.bundle import BUNDLE_FILES, open_bundle
from joulecut_runtime.quantised.scales_file import SCALES_FILE
from tests.integration.tiny_network import pack_tiny
from tests.proto.fake_services import FakeAgent

NOBODY = "127.0.0.1:9"
"""The discard port: nothing listens there, and a connection is refused at once."""


class Library(FakeAgent):
    """An agent that sends these chunks, whatever was asked for; none: it lacks the bundle."""

    def __init__(self, chunks: Sequence[BundleChunk]) -> None:
        super().__init__()
        self._chunks = chunks
        self.asked = 0

    async def bundle(self, network_digest: str) -> AsyncIterator[BundleChunk]:
        self.asked += 1
        if not self._chunks:
            raise ContractError(f"network {network_digest} is not served here")
        for chunk in self._chunks:
            yield chunk


class Silent(Library):
    """Sends these chunks and then no more, without an end."""

    async def bundle(self, network_digest: str) -> AsyncIterator[BundleChunk]:
        del network_digest
        self.asked += 1
        for chunk in self._chunks:
            yield chunk
        await asyncio.Event().wait()


def chunks_of(folder: Path, *, size_bytes: int = 5000) -> list[BundleChunk]:
    """A bundle's files in small pieces."""
    chunks = []
    for name in BUNDLE_FILES:
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
                server = make_server()
                add_agent(server, library)
                addresses.append(f"127.0.0.1:{bind(server, '127.0.0.1:0')}")
                await server.start()
                stack.push_async_callback(server.stop, None)
            await ensure_bundle(folder, digest, addresses, limits=limits)

    asyncio.run(run())


@pytest.fixture(name="packed", scope="module")
def _packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("packed") / "tiny"
    return folder, pack_tiny(folder)


def test_a_bundle_arrives_whole(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """After a server that is not there and one that lacks it, the third one's pieces make a bundle that opens."""
    source, digest = packed
    target = tmp_path / "not" / "yet" / "net"
    lacking, having = Library(()), Library(chunks_of(source))
    fetch(target, digest, lacking, having, first=[NOBODY])
    assert open_bundle(target).digest == digest
    assert lacking.asked == having.asked == 1
    assert [path.name for path in target.parent.iterdir()] == ["net"]
    fetch(target, digest, having)
    assert having.asked == 1, "what is there is not fetched again"


def test_another_network_is_refused(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """A sound bundle of another digest than asked for is not kept, nor is anything of it."""
    source, digest = packed
    with pytest.raises(BundleError, match=f"sent bundle {digest}; expected sha256:00"):
        fetch(tmp_path / "net", "sha256:00", Library(chunks_of(source)))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_bundle_is_passed_over(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """One bad copy in the network does not keep an edge from the good one behind it."""
    source, digest = packed
    good = chunks_of(source)
    damaged = [*good[:-1], replace(good[-1], data=bytes(len(good[-1].data)))]
    fetch(tmp_path / "net", digest, Library(damaged), Library(good))
    assert open_bundle(tmp_path / "net").digest == digest


def test_more_than_the_disk_holds_is_passed_over(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """A server that fills the disk does not keep an edge from the one behind it; without one, the disk is named."""
    source, digest = packed
    name, most_bytes = "weights.safetensors", 1 << 20
    endless = [
        BundleChunk(file=name, offset=offset, data=bytes(1 << 18), total_bytes=8 << 20)
        for offset in range(0, 8 << 20, 1 << 18)
    ]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        with pytest.raises(ConfigError, match=r"bundle: cannot be kept in .*net: .*File too large"):
            fetch(tmp_path / "net", digest, Library(endless))
        assert list(tmp_path.iterdir()) == []
        fetch(tmp_path / "net", digest, Library(endless), Library(chunks_of(source)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_bundle(tmp_path / "net").digest == digest


@pytest.mark.parametrize("swapped", [(1, 2), (-1, -2)], ids=["middle", "end"])
def test_pieces_out_of_order(tmp_path: Path, packed: tuple[Path, str], swapped: tuple[int, int]) -> None:
    """A piece that does not continue its file is refused: no holes, no overwriting."""
    source, digest = packed
    chunks = [chunk for chunk in chunks_of(source, size_bytes=900) if chunk.file == "graph.json"]
    one, other = swapped
    chunks[one], chunks[other] = chunks[other], chunks[one]
    with pytest.raises(BundleError, match=r"graph.json: bytes at [0-9]+ arrived out of order"):
        fetch(tmp_path / "net", digest, Library(chunks))
    assert list(tmp_path.iterdir()) == []


def test_a_piece_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """A server that answers with other bytes than pieces of a bundle is one that has none."""

    async def bundle(request: bytes, context: object) -> AsyncIterator[bytes]:
        del request, context
        yield b"\xff"

    async def run() -> None:
        server = make_server()
        handlers: dict[str, Any] = {"GetBundle": grpc.unary_stream_rpc_method_handler(bundle)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("joulecut.v1.Agent", handlers),))
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0')}"
        await server.start()
        try:
            await ensure_bundle(tmp_path / "net", "sha256:00", [address])
        finally:
            await server.stop(None)

    with pytest.raises(LinkError, match="cannot be read: it was damaged"):
        asyncio.run(run())


def test_a_bundle_cut_short(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """Missing pieces leave nothing behind, and the next try begins anew."""
    source, digest = packed
    chunks = chunks_of(source)
    with pytest.raises(BundleError, match=r"weights\.safetensors"):
        fetch(tmp_path / "net", digest, Library(chunks[:-2]))
    assert list(tmp_path.iterdir()) == []
    fetch(tmp_path / "net", digest, Library(chunks))


def test_a_silent_server_is_left_for_the_next(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """One that accepts and says nothing, and one that stops half-way, keep no edge from the one behind them."""
    source, digest = packed
    chunks = chunks_of(source)
    limits = FetchLimits(first_s=0.2, stall_s=0.5)
    silent, stopping = Silent(()), Silent(chunks[:2])
    with pytest.raises(LinkError, match=r"nearly nothing of the bundle came for 0\.2 s"):
        fetch(tmp_path / "net", digest, silent, limits=limits)
    with pytest.raises(LinkError, match=r"nearly nothing of the bundle came for 0\.5 s"):
        fetch(tmp_path / "net", digest, stopping, limits=replace(limits, first_s=60.0))
    assert list(tmp_path.iterdir()) == []
    fetch(tmp_path / "net", digest, silent, Library(chunks), limits=FetchLimits(first_s=2.0))
    assert (silent.asked, open_bundle(tmp_path / "net").digest) == (2, digest)


def test_a_server_that_trickles_is_no_better_than_a_silent_one() -> None:
    """Ever so many chunks of a byte do not prolong the wait: what counts is how many bytes they make together."""

    async def trickle() -> AsyncIterator[BundleChunk]:
        for offset in range(1_000_000):
            await asyncio.sleep(0)
            yield BundleChunk(file="graph.json", offset=offset, data=b" ", total_bytes=1_000_000)

    async def run() -> None:
        async for _ in _in_time(trickle(), FetchLimits(stall_s=0.1), "here"):
            pass

    with pytest.raises(LinkError, match=r"nearly nothing of the bundle came for 0\.1 s"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (BundleChunk(file="notes.txt", offset=0, data=b"x", total_bytes=1), "notes.txt is no file of a bundle"),
        (BundleChunk(file="graph.json", offset=0, data=b"", total_bytes=0), "graph.json: a chunk without bytes"),
        (BundleChunk(file=SCALES_FILE, offset=0, data=b"{}", total_bytes=2), f"sent {SCALES_FILE} too"),
    ],
    ids=["stranger", "empty", "variant that the manifest lacks"],
)
def test_files_that_are_none_of_the_bundles(
    tmp_path: Path, packed: tuple[Path, str], extra: BundleChunk, message: str
) -> None:
    """Nothing is kept of a server that sends more than was asked for: a disk is not filled with names of its own."""
    source, digest = packed
    chunks = chunks_of(source)
    for sent in ([extra, *chunks], [*chunks, extra]):
        with pytest.raises(BundleError, match=message):
            fetch(tmp_path / "net", digest, Library(sent))
    assert list(tmp_path.iterdir()) == []


def test_nobody_to_ask(tmp_path: Path) -> None:
    """No server, an unreachable one, or one without the bundle: the error says which of them it was."""
    with pytest.raises(LinkError, match="bundle sha256:00 cannot be fetched: no server is known"):
        fetch(tmp_path / "net", "sha256:00")
    with pytest.raises(LinkError, match=f"server {NOBODY} cannot be reached"):
        fetch(tmp_path / "net", "sha256:00", first=[NOBODY])
    with pytest.raises(LinkError, match="network sha256:00 is not served here"):
        fetch(tmp_path / "net", "sha256:00", Library(()))


def test_neither_bundle_nor_digest(tmp_path: Path) -> None:
    """An empty folder without a digest names both remedies."""
    with pytest.raises(ConfigError, match=r"net holds no packed network; run `joulecut pack`, or give its digest"):
        fetch(tmp_path / "net", "")


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """A folder that is somebody else's is not replaced."""
    source, digest = packed
    target = tmp_path / "net"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="bundle: cannot be kept in"):
        fetch(target, digest, Library(chunks_of(source)))
    assert (target / "mine.txt").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
