"""A pool's folder has one keeper."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.pool.holding import held, keeper_of


def test_a_second_keeper_is_refused(tmp_path: Path) -> None:
    """Two would start and end each other's servers; the first one is named."""
    folder = tmp_path / "pool"
    assert keeper_of(folder) is None
    with held(folder):
        assert keeper_of(folder) == os.getpid()
        with pytest.raises(ConfigError, match=f"kept by process {os.getpid()} already"), held(folder):
            pass
        assert keeper_of(folder) == os.getpid()
    assert keeper_of(folder) is None
    with held(folder):
        assert keeper_of(folder) == os.getpid()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Said at the start, with the remedy."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ConfigError, match=r"pool\.folder: .*give one that this user may write to"),
        held(tmp_path / "file" / "pool"),
    ):
        pass
