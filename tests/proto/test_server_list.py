"""The list of a pool's servers: what is written is read, by edges and by Envoy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.server_list import (
    ListedServer,
    ServerList,
    read_server_list,
    write_envoy_endpoints,
    write_server_list,
)

SERVERS = (
    ListedServer(name="gpu-0", address="10.0.0.1:7000"),
    ListedServer(name="gpu-1", address="unix:/run/gpu.sock", server_name="gpu.lab"),
)


def test_a_list_comes_back_as_it_was(tmp_path: Path) -> None:
    """Names, addresses, order."""
    path = tmp_path / "pool" / "servers.json"
    write_server_list(path, ServerList(servers=SERVERS))
    assert read_server_list(path).servers == SERVERS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"schema": "joulecut.servers/2", "servers": []}', "expected 'joulecut.servers/1'"),
        ('{"schema": "joulecut.servers/1", "server": []}', "server: unknown key; did you mean 'servers'"),
        ('{"schema": "joulecut.servers/1", "servers": [{"name": "a", "address": "gpu"}]}', "expected host:port"),
        ("[]", "not an object"),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str, complaint: str) -> None:
    """The file is named, and an edge goes on with what it knew."""
    path = tmp_path / "servers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_server_list(path)
    assert str(path) in str(caught.value)


def test_a_list_has_a_bound() -> None:
    """What an edge reads again and again, from whoever writes it."""
    ServerList(servers=SERVERS[:1] * 1024)
    with pytest.raises(ConfigError, match="servers: 1025; expected at most 1024"):
        ServerList(servers=SERVERS[:1] * 1025)


def test_envoy_reads_the_same_servers(tmp_path: Path) -> None:
    """In the form of its file-based endpoint discovery."""
    path = tmp_path / "eds.json"
    write_envoy_endpoints(path, "joulecut", SERVERS)
    [resource] = json.loads(path.read_text(encoding="utf-8"))["resources"]
    assert resource["@type"] == "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    assert resource["cluster_name"] == "joulecut"
    [locality] = resource["endpoints"]
    assert [each["endpoint"]["address"] for each in locality["lb_endpoints"]] == [
        {"socket_address": {"address": "10.0.0.1", "port_value": 7000}},
        {"pipe": {"path": "/run/gpu.sock"}},
    ]
