"""The `[pool]` table: what it refuses, and that it stands beside the options of a server-agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.pool.options import PoolOptions, load_pool

FILE = """
device = "emulated:t4"
bundles = ["/net"]
listen = "127.0.0.1:0"
name = "gpu"

[limits]
waiting = 7

[pool]
folder = "/run/pool"
min_servers = 2
max_servers = 3
first_port = 50551
"""


def test_a_file_holds_a_pool_and_its_servers(tmp_path: Path) -> None:
    """One file for all: the server's keys are a server-agent's own, tables too."""
    path = tmp_path / "pool.toml"
    path.write_text(FILE, encoding="utf-8")
    config = load_pool(path)
    assert (config.pool.min_servers, config.pool.max_servers) == (2, 3)
    assert [config.pool.port_of(seat) for seat in range(3)] == [50551, 50552, 50553]
    assert (config.server.name, config.server.limits.waiting) == ("gpu", 7)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("[pool]", "[pol]", r"pool: missing; expected a table \[pool\]"),
        ("min_servers", "min_server", "pool.min_server: unknown key; did you mean 'min_servers'"),
        ("waiting = 7", "wait = 7", "limits.wait: unknown key; did you mean 'waiting'"),
        ("min_servers = 2", "min_servers = true", "pool.min_servers: True; expected a whole number"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    """Whoever wrote it learns which key, in which file, and what was meant."""
    path = tmp_path / "pool.toml"
    path.write_text(FILE.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_pool(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"min_servers": 0}, "pool.min_servers: 0"),
        ({"min_servers": 3, "max_servers": 2}, "expected at least 1, in this order"),
        ({"max_servers": 1000}, "at most 256"),
        ({"gpus_per_server": 2}, "expected 0 or 1: a server has one device"),
        ({"ports": (1, 2), "max_servers": 3}, "pool.ports: 2 for up to 3 servers"),
        ({"ports": (7, 7), "max_servers": 2}, "stands there twice"),
        ({"ports": (7,), "first_port": 8}, "expected one of them"),
        ({"first_port": 65530, "max_servers": 16}, "port 65545; expected 1 to 65535"),
        ({"target_utilisation": 0.0}, "pool.target_utilisation: 0.0"),
        ({"target_waiting": 0.0}, "pool.target_waiting: 0.0; expected more than 0"),
        ({"cool_down_s": -1.0}, "pool.cool_down_s: -1.0; expected 0 or more"),
        ({"cpus_per_server": -1.0}, "pool.cpus_per_server: -1.0"),
        ({"folder": ""}, "pool.folder: empty"),
    ],
)
def test_what_no_pool_could_follow(options: dict[str, Any], complaint: str) -> None:
    """Refused at the start, not found out when the second server is wanted."""
    with pytest.raises(ConfigError, match=complaint):
        PoolOptions(**{"folder": "/pool", **options})


def test_ports_are_the_systems_without_a_word() -> None:
    """A server then tells its port when it serves."""
    assert PoolOptions(folder="/pool", max_servers=3).port_of(2) == 0
