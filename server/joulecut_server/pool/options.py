"""What a pool is told at its start: the `[pool]` table beside the options of its servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joulecut_core.decoding import decode
from joulecut_core.documents import read_toml
from joulecut_core.errors import ConfigError
from joulecut_core.host_ports import MAX_PORT
from joulecut_server.config import ServerConfig

MOST_SERVERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """The `[pool]` table. Raises ConfigError where no pool could follow it. Durations are wall seconds.

    `address`: of a running Ray cluster ("host:6379"); empty for one of this machine alone that begins and ends with the
    pool. `insecure`: use a cluster without Ray's tokens. `min_servers`, `max_servers`: how many there may be.
    `cpus_per_server`: what Ray reserves; `gpus_per_server`: 1 gives each a GPU of its own, 0 none. `ports`: one for
    each server; `first_port`: the first of as many in a row; neither: the system chooses, anew at each start.
    `target_waiting`: requests that wait or compute, of one server; `target_utilisation`: share of its time in which it
    computes; above either for `grow_after_s` the pool grows, and it shrinks where one server fewer would stay below
    0.7 of both for `shrink_after_s`; `cool_down_s`: least time between two changes. `replace_after_s`: how long a
    server may be silent or broken before another is started in its place, ten times as long for one that has never been
    heard: its host may have to be found first. `look_s`: between two looks; load is a mean over ten of them.
    `folder`: where `servers.json`, `pool.json` and, for Envoy, `eds.json` are written.
    """

    folder: str
    address: str = ""
    insecure: bool = False
    name: str = "joulecut"
    min_servers: int = 1
    max_servers: int = 1
    cpus_per_server: float = 1.0
    gpus_per_server: int = 0
    ports: tuple[int, ...] = ()
    first_port: int = 0
    target_waiting: float = 4.0
    target_utilisation: float = 0.7
    grow_after_s: float = 5.0
    shrink_after_s: float = 120.0
    cool_down_s: float = 30.0
    replace_after_s: float = 60.0
    look_s: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.min_servers <= self.max_servers <= MOST_SERVERS:
            raise ConfigError(
                f"pool.min_servers: {self.min_servers}, pool.max_servers: {self.max_servers}; expected at least 1, "
                f"in this order, and at most {MOST_SERVERS}"
            )
        if self.gpus_per_server not in (0, 1):
            raise ConfigError(f"pool.gpus_per_server: {self.gpus_per_server}; expected 0 or 1: a server has one device")
        if not self.cpus_per_server >= 0:
            raise ConfigError(f"pool.cpus_per_server: {self.cpus_per_server}; expected 0 or more")
        self._check_ports()
        if not 0 < self.target_utilisation <= 1:
            raise ConfigError(f"pool.target_utilisation: {self.target_utilisation}; expected more than 0, at most 1")
        for name in ("target_waiting", "look_s", "replace_after_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"pool.{name}: {getattr(self, name)}; expected more than 0")
        for name in ("grow_after_s", "shrink_after_s", "cool_down_s"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"pool.{name}: {getattr(self, name)}; expected 0 or more seconds")
        if not self.folder:
            raise ConfigError("pool.folder: empty; expected a folder that edges or their proxy can read")

    def port_of(self, seat: int) -> int:
        """The port of the server in a seat, counted from 0; 0 where the system chooses."""
        if self.ports:
            return self.ports[seat]
        return self.first_port + seat if self.first_port else 0

    def _check_ports(self) -> None:
        if self.ports and self.first_port:
            raise ConfigError(f"pool.first_port: {self.first_port} beside pool.ports; expected one of them")
        if self.ports and len(self.ports) < self.max_servers:
            raise ConfigError(f"pool.ports: {len(self.ports)} for up to {self.max_servers} servers; expected one each")
        if len(set(self.ports)) < len(self.ports):
            raise ConfigError("pool.ports: one of them stands there twice; expected each once")
        last_port = self.first_port + self.max_servers - 1
        for port in (*self.ports, *((self.first_port, last_port) if self.first_port else ())):
            if not 1 <= port <= MAX_PORT:
                raise ConfigError(f"pool: port {port}; expected 1 to {MAX_PORT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """A pool and what all its servers have in common."""

    pool: PoolOptions
    server: ServerConfig


def load_pool(path: Path) -> PoolConfig:
    """The pool of a TOML file: a server-agent's configuration with a `[pool]` table.

    Raises ConfigError naming the file, the key, the value and what was expected.
    """
    values = dict(read_toml(path, ConfigError))
    if "pool" not in values:
        raise ConfigError(f"{path}: pool: missing; expected a table [pool] with at least `folder`")
    try:
        pool = decode(PoolOptions, values.pop("pool"), error=ConfigError, path="pool")
        return PoolConfig(pool=pool, server=decode(ServerConfig, values, error=ConfigError))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
