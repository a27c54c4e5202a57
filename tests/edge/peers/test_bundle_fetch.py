"""Fetching a network by its digest: what arrives is believed only where it is what was asked for."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch

from joulecut_core.errors import BundleError, ConfigError, JoulecutError, LinkError
from joulecut_edge import agent
from joulecut_edge.peers import bundle_fetch
from joulecut_edge.peers.arriving_bundle import arriving_bundle
from joulecut_edge.peers.bundle_fetch import FetchLimits, _in_time, ensure_bundle
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from joulecut_proto.agent_messages import BundleChunk
from joulecut_proto.channels import bind, make_server
from joulecut_runtime.networks.bundle import open_bundle, write_bundle
from joulecut_runtime.quantised.scales_file import SCALES_FILE
from tests.edge.peers.libraries import NOBODY, Library, Slower, Swept, chunks_of, fetch, load, load_announced
from tests.integration.tiny_network import tiny_graph


class Silent(Library):
    """Sends these chunks and then no more, without an end."""

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        del network_digest, held_bytes
        self.asked += 1
        for chunk in self._chunks:
            yield chunk
        await asyncio.Event().wait()


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


def test_a_server_that_announces_itself_later_is_asked_too(
    tmp_path: Path, packed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first to be heard of may have another network; where none has the bundle, what the last one said is told."""
    source, digest = packed
    monkeypatch.setattr(agent, "_FIND_S", 0.3)
    with pytest.raises(LinkError, match="is not served here"):
        load_announced(tmp_path / "none", digest, Library(()), Library(()))
    monkeypatch.setattr(agent, "_FIND_S", 30.0)
    lacking, having = Library(()), Library(chunks_of(source))
    load_announced(tmp_path / "net", digest, lacking, having)
    assert lacking.asked == having.asked == 1


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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_no_bad_input(
    tmp_path: Path, packed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """There may be room in a minute, when an agent beside it has given up: services are started again for that."""
    source, digest = packed

    def full(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(bundle_fetch, "sync_files", full)
    with pytest.raises(JoulecutError, match=r"cannot be kept in .*net: .*; make room there") as raised:
        fetch(tmp_path / "net", digest, Library(chunks_of(source)))
    assert type(raised.value) is JoulecutError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_goes_meanwhile(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """Whoever clears the disk under a fetch, or has it fail, gets an error that names the place."""
    source, digest = packed
    target, chunks = tmp_path / "cleared" / "net", chunks_of(source)
    with pytest.raises(ConfigError, match=r"bundle: cannot be kept in .*net: .*No such file"):
        fetch(target, digest, Swept(chunks, target), Library(chunks))
    assert list(tmp_path.iterdir()) == []


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
        server = make_server(secured=False)
        handlers: dict[str, Any] = {"GetBundle": grpc.unary_stream_rpc_method_handler(bundle)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("joulecut.v1.Agent", handlers),))
        address = f"127.0.0.1:{bind(server, '127.0.0.1:0', security=None)}"
        await server.start()
        try:
            await ensure_bundle(
                tmp_path / "net", "sha256:00", [Candidate(address=address)], signed_by=None, transport=Transport()
            )
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


@pytest.mark.parametrize("stray", ["net/mine.txt", "net"], ids=["folder that holds a file", "file"])
def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, packed: tuple[Path, str], stray: str) -> None:
    """What is somebody else's is not replaced, and nobody is asked for what could not be kept."""
    source, digest = packed
    library = Library(chunks_of(source))
    (tmp_path / stray).parent.mkdir(exist_ok=True)
    (tmp_path / stray).write_text("precious")
    with pytest.raises(ConfigError, match=r"^bundle: cannot be kept in .*net: .*; (give another|empty it)"):
        fetch(tmp_path / "net", digest, library)
    assert (tmp_path / stray).read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert library.asked == 0


def test_an_empty_folder_is_replaced(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """One that an operator has made for the bundle is as good as none."""
    source, digest = packed
    (tmp_path / "net").mkdir()
    fetch(tmp_path / "net", digest, Library(chunks_of(source)))
    assert open_bundle(tmp_path / "net").digest == digest


def test_a_bundle_is_synced_before_it_gets_its_name(
    tmp_path: Path, packed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves a whole bundle or none: each file and the folder of their names come before the rename."""
    source, digest = packed
    target, done = tmp_path / "net", list[object]()
    rename = Path.rename

    def noted_rename(path: Path, to: Path) -> Path:
        done.append(to)
        return rename(path, to)

    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(Path, "rename", noted_rename)
    fetch(target, digest, Library(chunks_of(source)))
    synced = done[: done.index(target)]
    assert {path.stat().st_ino for path in (target, *target.iterdir())} <= set(synced)
    assert synced[-1] == target.stat().st_ino


def test_leftovers_go_though_nothing_is_fetched(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """An agent that was killed beside a faster one finds the bundle in its place, and what it left itself beside it."""
    source, digest = packed
    with arriving_bundle(tmp_path / "net", digest) as arriving:
        (arriving / "graph.json").write_text("half of it")
    shutil.copytree(source, tmp_path / "net")
    fetch(tmp_path / "net", digest)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_the_slower_of_two_agents_takes_the_others_bundle(
    tmp_path: Path, packed: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Two agents with one empty folder both start; what was fetched in vain is gone."""
    source, digest = packed
    target, chunks = tmp_path / "net", chunks_of(source)
    with caplog.at_level(logging.INFO):
        fetch(target, digest, Slower(chunks, source, target))
    assert "net holds a bundle by now, which another agent has put there" in caplog.text
    assert open_bundle(target).digest == digest
    assert list(tmp_path.iterdir()) == [target]


def test_the_others_bundle_is_checked(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """It is believed no more than one that was there from the start: another network is refused."""
    source, digest = packed
    graph = tiny_graph()
    zeros = {name: torch.zeros_like(constant) for name, constant in graph.constants.items()}
    found = write_bundle(replace(graph, constants=zeros), tmp_path / "other")
    target = tmp_path / "net"
    with pytest.raises(BundleError, match=f"net holds tiny {found}; expected {digest}: give another folder"):
        load(target, digest, Slower(chunks_of(source), tmp_path / "other", target))


def test_a_damaged_bundle_says_how_it_is_fetched_again(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """What a power cut or a failing disk has cut short is not fetched anew in silence; the message says how."""
    source, digest = packed
    target, library = tmp_path / "net", Library(chunks_of(source))
    shutil.copytree(source, target)
    os.truncate(target / "weights.safetensors", 5000)
    with pytest.raises(BundleError, match=r"weights\.safetensors is damaged: .*; delete the folder to fetch it again$"):
        load(target, digest, library)
    assert library.asked == 0
