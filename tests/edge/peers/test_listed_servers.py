"""A pool's list in a file: followed when it changes, trusted no further than it can be read."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers
from joulecut_proto.server_list import ListedServer, ServerList, write_server_list


def write(path: Path, *addresses: str) -> None:
    """A list with these servers."""
    servers = tuple(ListedServer(name=f"gpu-{number}", address=each) for number, each in enumerate(addresses))
    write_server_list(path, ServerList(servers=servers))


def now(servers: Servers) -> list[str]:
    """The candidates' addresses."""
    return [each.address for each in asyncio.run(servers.candidates())]


def test_a_list_is_followed(tmp_path: Path) -> None:
    """A server that the pool adds is found at the next round, one that it removes is gone."""
    path = tmp_path / "servers.json"
    write(path, "10.0.0.1:7000")
    servers = Servers(parse_servers(f"file:{path}"), ManualClock())
    assert now(servers) == ["10.0.0.1:7000"]
    write(path, "10.0.0.2:7000", "10.0.0.1:7000")
    assert now(servers) == ["10.0.0.2:7000", "10.0.0.1:7000"]
    write(path)
    assert now(servers) == []


def test_a_broken_list_keeps_the_last_good_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pool's disk that is full, or gone, must not take its servers from the edges; it is said once."""
    path = tmp_path / "servers.json"
    servers = Servers(parse_servers(f"file:{path}"), ManualClock())
    with caplog.at_level(logging.WARNING):
        assert now(servers) == now(servers) == []
        write(path, "10.0.0.1:7000")
        assert now(servers) == ["10.0.0.1:7000"]
        path.write_text("{", encoding="utf-8")
        assert now(servers) == now(servers) == ["10.0.0.1:7000"]
        path.unlink()
        assert now(servers) == ["10.0.0.1:7000"]
    assert len(caplog.records) == 3
    write(path, "10.0.0.2:7000")
    assert now(servers) == ["10.0.0.2:7000"]


def test_equal_servers_are_taken_in_an_order_of_ones_own(tmp_path: Path) -> None:
    """Not all edges of a pool begin with the same server; entries of the configuration keep their order."""
    path = tmp_path / "servers.json"
    pool = [f"10.0.0.{number}:7000" for number in range(5)]
    write(path, *pool)
    entries = parse_servers(f"near:7000,file:{path}")
    orders = {edge: now(Servers(entries, ManualClock(), edge=edge)) for edge in ("a", "b", "c", "d", "e", "f")}
    assert len({tuple(order) for order in orders.values()}) > 3
    for order in orders.values():
        assert order[0] == "near:7000"
        assert sorted(order[1:]) == pool


def test_spread_makes_equals_of_all_entries() -> None:
    """A fixed list is spread over where the configuration says so, and only there."""
    entries = parse_servers("a:1,b:1,c:1,d:1")
    orders = {tuple(now(Servers(entries, ManualClock(), edge=f"edge-{n}", spread=True))) for n in range(8)}
    assert len({order[0] for order in orders}) > 2
    assert all(sorted(order) == ["a:1", "b:1", "c:1", "d:1"] for order in orders)
    assert now(Servers(entries, ManualClock(), edge="edge-0")) == ["a:1", "b:1", "c:1", "d:1"]


def test_a_name_in_a_certificate_comes_with_the_list(tmp_path: Path) -> None:
    """Addresses of a pool are numbers; its certificates need not be."""
    path = tmp_path / "servers.json"
    listed = ListedServer(name="gpu-0", address="10.0.0.1:7000", server_name="gpu.lab")
    write_server_list(path, ServerList(servers=(listed,)))
    servers = Servers(parse_servers(f"file:{path}"), ManualClock())
    assert asyncio.run(servers.candidates()) == (Candidate(address="10.0.0.1:7000", server_name="gpu.lab"),)


def test_a_list_has_a_whole_path() -> None:
    """An agent under systemd has another working folder than whoever wrote its configuration."""
    with pytest.raises(ConfigError, match="expected file:/path"):
        parse_servers("file:servers.json")
