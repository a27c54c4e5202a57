"""What a server tells its edges of itself: its device as it is, bundles by the piece."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from joulecut_core.errors import BundleError
from tests.runtime.execution.test_device_worker import Gate
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


@pytest.mark.parametrize("left", ["nothing", "a pipe"])
def test_a_bundle_that_is_gone_is_told(tmp_path: Path, left: str) -> None:
    """Taken away while the server runs: an error that names the file, whatever is in its place."""
    parts = Parts(tmp_path)
    file = tmp_path / "net" / "weights.safetensors"
    file.unlink()
    if left == "a pipe":
        os.mkfifo(file)

    async def fetch() -> list[str]:
        return [chunk.file async for chunk in parts.report.bundle(TABLE.digest, {})]

    with pytest.raises(BundleError, match=r"weights.safetensors is gone, or no file any more; put the bundle back"):
        asyncio.run(fetch())


def test_the_state_takes_no_thread_that_others_need(tmp_path: Path) -> None:
    """A device that hangs would keep one for each who asks, until nobody could plan, or have other rules read."""

    async def ask() -> None:
        parts, taken = Parts(tmp_path), Gate()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
        holding = asyncio.create_task(asyncio.to_thread(taken))
        await asyncio.sleep(0)
        assert (await parts.report.state()).device.time_s >= 0.0
        taken.open()
        await holding

    asyncio.run(asyncio.wait_for(ask(), 20.0))
