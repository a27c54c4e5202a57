"""Fetching a network by its digest: what arrives is believed only where it is what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import BundleError, ConfigError, ContractError, LinkError
from joulecut_edge.bundle_fetch import ensure_bundle
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import bind, make_server
from joulecut_proto.servicers import add_agent
from joulecut_runtime.bundle import BUNDLE_FILES, open_bundle
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


def chunks_of(folder: Path, *, size_bytes: int = 5000) -> list[BundleChunk]:
    """A bundle's files in small pieces."""
    chunks = []
    for name in BUNDLE_FILES:
        content = (folder / name).read_bytes()
        for offset in range(0, len(content), size_bytes):
            data = content[offset : offset + size_bytes]
            chunks.append(BundleChunk(file=name, offset=offset, data=data, total_bytes=len(content)))
    return chunks


def fetch(folder: Path, digest: str, *libraries: Library, first: Sequence[str] = ()) -> None:
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
            await ensure_bundle(folder, digest, addresses)

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


def test_a_bundle_cut_short(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """Missing pieces leave nothing behind, and the next try begins anew."""
    source, digest = packed
    chunks = chunks_of(source)
    with pytest.raises(BundleError, match=r"weights\.safetensors"):
        fetch(tmp_path / "net", digest, Library(chunks[:-2]))
    assert list(tmp_path.iterdir()) == []
    fetch(tmp_path / "net", digest, Library(chunks))


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
