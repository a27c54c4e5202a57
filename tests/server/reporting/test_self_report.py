"""What a server tells its edges of itself: bundles by the piece."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.server.parts import TABLE, Parts


def test_a_bundle_is_read_as_it_is_sent(tmp_path: Path) -> None:
    """A caller that reads slowly holds a piece of a file, not the file: what it has not got yet is still to be read."""
    parts = Parts(tmp_path)
    large = tmp_path / "net" / "weights.safetensors"
    sent = bytes(3 << 20)
    large.write_bytes(sent)

    async def fetch() -> bytes:
        got = b""
        async for chunk in parts.report.bundle(TABLE.digest, {}):
            if chunk.file != large.name:
                continue
            assert (chunk.offset, chunk.total_bytes) == (len(got), len(sent))
            if not got:
                with large.open("r+b") as file:
                    file.seek(2 << 20)
                    file.write(b"x" * (1 << 20))
            got += chunk.data
        return got

    assert asyncio.run(fetch()) == bytes(2 << 20) + b"x" * (1 << 20)


def test_what_the_caller_holds_is_not_sent_again(tmp_path: Path) -> None:
    """Whole files are left out, a part is gone on with, and what is longer than the file counts for nothing."""
    parts = Parts(tmp_path)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "net").iterdir()}
    held = {**sizes, "graph.json": 5, "weights.safetensors": sizes["weights.safetensors"] + 1, "../other": 3}

    async def fetch() -> list[tuple[str, int, int]]:
        return [(chunk.file, chunk.offset, len(chunk.data)) async for chunk in parts.report.bundle(TABLE.digest, held)]

    assert asyncio.run(fetch()) == [
        ("graph.json", 5, sizes["graph.json"] - 5),
        ("weights.safetensors", 0, sizes["weights.safetensors"]),
    ]
