"""`joulecut pool status`: whose word the standing is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from joulecut.commands.pool import app
from joulecut_server.pool import PoolStanding
from joulecut_server.pool.holding import held
from joulecut_server.pool.standing import write_standing


def status(config: Path) -> Any:
    """What it tells programs."""
    return json.loads(CliRunner().invoke(app, ["status", str(config), "--json"], catch_exceptions=False).output)


@pytest.mark.parametrize("by_this_keeper", [True, False])
def test_a_standing_is_kept_by_whoever_wrote_it(tmp_path: Path, *, by_this_keeper: bool) -> None:
    """While a keeper's cluster starts, what is there is of the keeper before, whose servers may be gone."""
    config = tmp_path / "pool.toml"
    config.write_text(f'device = "nvml"\nbundles = ["/net"]\n[pool]\nfolder = "{tmp_path}"\n', encoding="utf-8")
    keeper_pid = os.getpid() if by_this_keeper else os.getppid()
    write_standing(tmp_path, PoolStanding(name="lab", keeper_pid=keeper_pid, wanted=2, servers=()))
    with held(tmp_path):
        assert status(config)["is_kept"] is by_this_keeper
    assert status(config)["is_kept"] is False
