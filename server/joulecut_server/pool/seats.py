"""A seat: what distinguishes one server of a pool from the others. A server that is restarted keeps its seat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from joulecut_core.errors import ConfigError
from joulecut_core.host_ports import MAX_PORT
from joulecut_proto.addresses import parse_address
from joulecut_server.config import ServerConfig
from joulecut_server.pool.options import PoolConfig

_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Number, counted from 0, and the configuration of whoever sits there; its device is known once it is placed."""

    number: int
    config: ServerConfig

    @property
    def name(self) -> str:
        """The server's name."""
        return self.config.name


def name_of(config: PoolConfig, number: int) -> str:
    """The name of the server in a seat."""
    return f"{config.server.name}-{number}"


def config_digest(config: Mapping[str, object]) -> str:
    """Tells one encoded ServerConfig from another, its rules included, and says nothing of what stands in it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def seat_of(config: PoolConfig, number: int) -> Seat:
    """A seat of the pool: a name and ports of its own, as servers may share a host.

    Raises ConfigError for a Unix socket.
    """
    server, place = config.server, parse_address(config.server.listen)
    if place.path is not None:
        raise ConfigError(f"listen: {server.listen}; expected host:port, as servers of a pool may be on several hosts")
    listen = str(replace(place, port=config.pool.port_of(number)))
    own = replace(
        server,
        name=name_of(config, number),
        listen=listen,
        metrics=replace(server.metrics, listen=_counted_up(server.metrics.listen, number)),
        dashboard=replace(server.dashboard, listen=_counted_up(server.dashboard.listen, number)),
        health_listen=_counted_up(server.health_listen, number),
        # The sign of one agent; what a pool shows instead is its list.
        ready_file="",
    )
    return Seat(number=number, config=own)


def check_seats(config: PoolConfig) -> None:
    """Raise ConfigError for a pool that could not grow to its most.

    That is where a port is beyond the last one or two things' that listen, or a GPU is kept for a device that is none.
    """
    if config.pool.gpus_per_server:
        placed(config.server, ("0",))
    taken: dict[int, list[tuple[str, str]]] = {}
    for number in range(config.pool.max_servers):
        own = seat_of(config, number).config
        for key, listen in (
            ("listen", own.listen),
            ("metrics.listen", own.metrics.listen),
            ("dashboard.listen", own.dashboard.listen),
            ("health_listen", own.health_listen),
        ):
            place = parse_address(listen) if listen else None
            if place is None or not place.port:
                continue
            others = taken.setdefault(place.port, [])
            for host, other in others:
                if place.host == host or {place.host, host} & set(_WILDCARDS):
                    raise ConfigError(
                        f"{key} of {own.name}: {listen}, a port that is also {other}'s, as ports count up with the "
                        f"server; give each thing that listens {config.pool.max_servers} in a row (pool.max_servers)"
                    )
            others.append((place.host, f"{key} of {own.name}"))


def _counted_up(listen: str, number: int) -> str:
    """The address with a port of the seat's own, where it has one that nobody chooses."""
    place = parse_address(listen) if listen else None
    if place is None or not place.port:
        return listen
    port = place.port + number
    if port > MAX_PORT:
        raise ConfigError(
            f"{listen}: server {number} of the pool would listen at port {port}, as ports count up with the server; "
            f"begin so low that the last of pool.max_servers is at most {MAX_PORT}"
        )
    return str(replace(place, port=port))


def placed(config: ServerConfig, gpus: Sequence[str]) -> ServerConfig:
    """The configuration on the GPU that was given to its process, an index in the order of the bus or a UUID.

    Raises ConfigError where the configured device is not NVML's and a GPU was given all the same.
    """
    if not gpus:
        return config
    if config.device.partition(":")[0] not in ("nvml", "auto"):
        raise ConfigError(f"device: {config.device!r} while pool.gpus_per_server is 1; expected 'nvml' or 'auto'")
    return replace(config, device=f"nvml:{gpus[0]}")


def reachable(address: str, node_host: str) -> str:
    """The address that edges use: of the node where the server listens on all of its addresses."""
    place = parse_address(address)
    return str(replace(place, host=node_host)) if place.path is None and place.host in _WILDCARDS else address
