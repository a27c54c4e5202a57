"""A pool's changes for programs, and the command that ends one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from joulecut.commands.pool import app
from joulecut.commands.pool_lines import PoolLines
from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_server.pool import PoolStanding
from joulecut_server.pool.holding import held
from joulecut_server.pool.reports import ReplicaState
from joulecut_server.pool.standing import STANDING_FILE
from tests.api.commands.test_pool_table import server

STANDING = PoolStanding(name="lab", keeper_pid=1, wanted=1, servers=(server("gpu-0"),))


def config(folder: Path) -> str:
    """A pool's file, whose folder is there."""
    place = folder / "pool"
    place.mkdir()
    file = folder / "pool.toml"
    file.write_text(
        f'device = "emulated:t4"\nbundles = ["b"]\nname = "gpu"\n[pool]\nfolder = "{place}"\ngpus_per_server = 0\n'
    )
    return str(file)


def test_a_line_for_each_change() -> None:
    """Who is there and in which state; loads and watts, which always change, make no line."""
    said: list[str] = []
    lines = PoolLines(said.append)
    busier = replace(server("gpu-0"), waiting=9, power_w=99.0)
    draining = server("gpu-0", state=ReplicaState.DRAINING)
    for servers in ((server("gpu-0"),), (busier,), (draining,), ()):
        lines(replace(STANDING, servers=servers))
    found = [json.loads(line) for line in said]
    assert [[each["state"] for each in line["servers"]] for line in found] == [["serving"], ["draining"], []]
    assert {line["schema"] for line in found} == {"joulecut.pool/1"}


def test_a_reader_that_leaves_does_not_end_a_pool() -> None:
    """Its servers are others' business."""

    def broken(line: str) -> None:
        raise BrokenPipeError(line)

    PoolLines(broken)(STANDING)


def test_down_where_nobody_keeps_a_pool(tmp_path: Path) -> None:
    """Said, and no mistake: what was asked for is so already."""
    file = config(tmp_path)
    told = CliRunner().invoke(app, ["down", file])
    assert (told.exit_code, told.output) == (
        0,
        f"{tmp_path / 'pool'}: nobody on this host keeps a pool there; nothing to end\n",
    )
    document = json.loads(CliRunner().invoke(app, ["down", file, "--json"]).output)
    assert document == {"schema": "joulecut.pool_end/1", "folder": str(tmp_path / "pool"), "was_there": False}


def test_status_says_whether_it_is_kept(tmp_path: Path) -> None:
    """A standing that nobody renews any more may look well for ever."""
    file, folder = config(tmp_path), tmp_path / "pool"
    own = replace(STANDING, keeper_pid=os.getpid())
    (folder / STANDING_FILE).write_text(json.dumps(encode(own)))
    assert json.loads(CliRunner().invoke(app, ["status", file, "--json"]).output)["is_kept"] is False
    with held(folder):
        document = json.loads(CliRunner().invoke(app, ["status", file, "--json"]).output)
    assert document["is_kept"] is True
    assert document["servers"][0]["name"] == "gpu-0"


def test_status_of_a_pool_that_never_was(tmp_path: Path) -> None:
    """The next step."""
    result = CliRunner().invoke(app, ["status", config(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "joulecut pool up" in str(result.exception)


@pytest.mark.parametrize("damaged", ["", "{", '{"schema": "joulecut.pool/9"}'])
def test_status_of_a_damaged_file(tmp_path: Path, damaged: str) -> None:
    """Its keeper mends it, and nobody else has to."""
    file = config(tmp_path)
    (tmp_path / "pool" / STANDING_FILE).write_text(damaged)
    result = CliRunner().invoke(app, ["status", file])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(str(tmp_path / "pool" / STANDING_FILE))
    assert str(result.exception).endswith("; its keeper writes it anew at each look, as a restarted one does")


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_all_of_it_as_json(command: str) -> None:
    """Every command of a pool has the option."""
    assert "--json" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
