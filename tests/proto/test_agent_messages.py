"""What agents tell each other: pieces of bundles are written to disk, so their names and places are checked."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.agent_messages import BundleChunk


@pytest.mark.parametrize("file", ["graph.json", "weights.safetensors", "a" * 128])
def test_plain_names(file: str) -> None:
    """The files that bundles have."""
    assert BundleChunk(file=file, offset=0, data=b"ab", total_bytes=2).file == file


@pytest.mark.parametrize(
    "file", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "x\0", "x\n", "-rf", "a" * 129]
)
def test_names_that_lead_elsewhere(file: str) -> None:
    """A server must not choose where on the edge's disk something is written."""
    with pytest.raises(ContractError, match="expected a plain name without folders"):
        BundleChunk(file=file, offset=0, data=b"", total_bytes=0)


@pytest.mark.parametrize(("offset", "total_bytes"), [(0, 1), (1, 2), (-1, 4), (1 << 63, 4)])
def test_places_outside_the_file(offset: int, total_bytes: int) -> None:
    """A chunk beyond the announced size would grow the file without end."""
    with pytest.raises(ContractError, match=f"expected it inside the file's {total_bytes}"):
        BundleChunk(file="x", offset=offset, data=b"ab", total_bytes=total_bytes)
