"""Which servers on a cluster are a pool's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.pool.actor_names import actor_name, seats_taken
from joulecut_server.pool.options import PoolOptions


def test_a_pool_finds_its_own_servers_again(tmp_path: Path) -> None:
    """By name and folder, however the folder is written; those of pools of other names are none of its business."""
    options = PoolOptions(folder=str(tmp_path / "pool"), max_servers=2)
    again = PoolOptions(folder=str(tmp_path / "other" / ".." / "pool"), max_servers=2)
    others = (PoolOptions(folder="/b", name=name) for name in ("joulecut-0", "x.joulecut", "oulecut"))
    names = [actor_name(options, 0), actor_name(options, 12), "somebody", *(actor_name(each, 1) for each in others)]
    assert seats_taken(names, again) == {0, 12}


def test_servers_of_another_folder_are_refused() -> None:
    """Two pools of one name would take on each other's servers; one whose folder moved would leave its own behind."""
    there = actor_name(PoolOptions(folder="/srv/a pool"), 3)
    with pytest.raises(
        ConfigError, match=r"pool\.name: 'joulecut': .* the folder /srv/a pool are on this cluster; end"
    ):
        seats_taken([there], PoolOptions(folder="/srv/b"))


def test_servers_of_a_name_before_are_refused() -> None:
    """A pool that was given another name would leave its own servers behind, under rules that nobody keeps."""
    before, other = PoolOptions(folder="/srv/pool", name="lab"), PoolOptions(folder="/mnt/pool", name="lab")
    now = PoolOptions(folder="/srv/pool", name="prod")
    with pytest.raises(ConfigError, match=r"pool\.name: 'prod': servers of the pool 'lab', .* on this cluster; end"):
        seats_taken([actor_name(before, 1)], now, name_before="lab")
    assert seats_taken([actor_name(other, 1), actor_name(now, 2)], now, name_before="lab") == {2}
    assert seats_taken([actor_name(now, 0)], now, name_before="prod") == {0}
