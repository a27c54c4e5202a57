"""The list of a pool's servers: a file that the pool writes and edges follow (`server = "file:/path/servers.json"`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.decoding import check_schema, decode, encode
from joulecut_core.documents import read_json, write_json
from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import parse_address

SCHEMA = "joulecut.servers/1"

_MOST_SERVERS = 1024
_ENVOY_TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedServer:
    """A server that takes requests. `server_name`: what its certificate names, where not the address's host."""

    name: str
    address: str
    server_name: str = ""

    def __post_init__(self) -> None:
        parse_address(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerList:
    """All servers of a pool that take requests now."""

    servers: tuple[ListedServer, ...]
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        if len(self.servers) > _MOST_SERVERS:
            raise ConfigError(f"servers: {len(self.servers)}; expected at most {_MOST_SERVERS}")


def read_server_list(path: Path) -> ServerList:
    """The list in a file. Raises ConfigError, which names the file, where there is none or it is no list."""
    document = read_json(path, ConfigError)
    try:
        check_schema(document, SCHEMA, ConfigError)
        return decode(ServerList, document, error=ConfigError)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def write_server_list(path: Path, listed: ServerList) -> None:
    """Replace the file at once: a reader sees the old list or the new one. Raises OSError."""
    write_json(path, encode(listed))


def write_envoy_endpoints(path: Path, cluster: str, servers: Sequence[ListedServer]) -> None:
    """The same for Envoy's file-based endpoint discovery of a cluster; servers on Unix sockets too. Raises OSError."""
    endpoints = [{"endpoint": {"address": _envoy_address(server.address)}} for server in servers]
    assignment = {"@type": _ENVOY_TYPE, "cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]}
    write_json(path, {"resources": [assignment]})


def _envoy_address(address: str) -> object:
    place = parse_address(address)
    if place.path is not None:
        return {"pipe": {"path": str(place.path)}}
    return {"socket_address": {"address": place.host, "port_value": place.port}}
