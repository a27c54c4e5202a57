"""Fetching a network over links that break: what has come is not fetched again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import LinkError
from joulecut_edge.peers.bundle_fetch import FetchLimits
from joulecut_runtime.networks.bundle import open_bundle
from tests.edge.peers.libraries import NOBODY, Breaking, Damaged, Library, Older, chunks_of, fetch


def test_a_link_that_breaks_costs_what_was_under_way(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """The next server is asked for the rest alone, and so is one that the next start of the agent asks."""
    source, digest = packed
    chunks = chunks_of(source, size_bytes=900)
    first, second, last = Breaking(chunks[:3]), Breaking(chunks[:5]), Library(chunks)
    with pytest.raises(LinkError, match=r"cannot be fetched: .*the cable was pulled"):
        fetch(tmp_path / "net", digest, first, second)
    fetch(tmp_path / "net", digest, last)
    assert [each.sent for each in (first, second, last)] == [chunks[:3], chunks[3:5], chunks[5:]]
    assert open_bundle(tmp_path / "net").digest == digest
    assert list(tmp_path.iterdir()) == [tmp_path / "net"]


def test_a_server_that_breaks_off_often(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """As long as something came it is asked again for the rest; without progress the fetch ends."""
    source, digest = packed
    chunks = chunks_of(source)
    often = Breaking(chunks, at_once=1)
    fetch(tmp_path / "net", digest, often, limits=FetchLimits(least_bytes=1))
    assert (often.sent, open_bundle(tmp_path / "net").digest) == (chunks, digest)
    often = Breaking(chunks, at_once=1)
    with pytest.raises(LinkError, match="the cable was pulled"):
        fetch(tmp_path / "other", digest, often)
    assert often.asked == 1


def test_who_lacks_the_bundle_costs_nothing_of_it(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """What has come stays where a server in between has nothing to send, cannot read its own, or cannot be reached."""
    source, digest = packed
    chunks = chunks_of(source)
    with pytest.raises(LinkError, match="the cable was pulled"):
        fetch(tmp_path / "net", digest, Breaking(chunks[:2]))
    last, damaged = Library(chunks), Damaged(chunks)
    fetch(tmp_path / "net", digest, Library(()), damaged, last, first=[NOBODY])
    assert (last.sent, damaged.asked) == (chunks[2:], 1)


def test_a_server_that_sends_all_anew(tmp_path: Path, packed: tuple[Path, str]) -> None:
    """One of an earlier version cannot go on where another broke off: its own bundle arrives whole."""
    source, digest = packed
    chunks = chunks_of(source)
    older = Older(chunks)
    fetch(tmp_path / "net", digest, Breaking(chunks[:2]), older)
    assert (older.asked, open_bundle(tmp_path / "net").digest) == (2, digest)


@pytest.mark.parametrize("broken_off", [2, None], ids=["a part", "all of it"])
def test_wrong_bytes_from_a_server_that_broke_off(
    tmp_path: Path, packed: tuple[Path, str], broken_off: int | None
) -> None:
    """They do not stand in the way of the right ones: what makes no bundle is forgotten, and asked for whole."""
    source, digest = packed
    chunks = chunks_of(source)
    wrong = [replace(chunk, data=bytes(len(chunk.data))) for chunk in chunks[:broken_off]]
    fetch(tmp_path / "net", digest, Breaking(wrong), Library(chunks))
    assert open_bundle(tmp_path / "net").digest == digest
    assert list(tmp_path.iterdir()) == [tmp_path / "net"]
