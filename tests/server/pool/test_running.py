"""The end of a pool that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_server.config import ServerConfig
from joulecut_server.pool import running
from joulecut_server.pool.keeper import Keeper
from joulecut_server.pool.options import PoolConfig
from tests.server.pool.keeper_site import OPTIONS, FakeServer, Site


@pytest.mark.parametrize("numbers", [(), (0, 1)])
def test_whether_there_was_anything_to_end_on_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...]
) -> None:
    """Servers outlive their keeper there: those that did are ended, and where none did that is told."""
    site = Site(tmp_path)
    site.crew.servers = {number: FakeServer(pid=number) for number in numbers}

    @contextmanager
    def kept(config: PoolConfig) -> Iterator[Keeper]:
        del config
        yield site.keeper

    monkeypatch.setattr(running, "cluster", lambda _: nullcontext())
    monkeypatch.setattr(running, "kept", kept)
    pool = replace(OPTIONS, folder=str(tmp_path), address="10.0.0.1:6379")
    config = PoolConfig(pool=pool, server=ServerConfig(device="emulated:t4", bundles=("net",)))
    assert running.end_pool(config) is bool(numbers)
