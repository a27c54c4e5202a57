"""How a pool stands: what its keeper knows of each server, as `joulecut pool status` shows it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.decoding import check_schema, decode, encode
from joulecut_core.documents import read_json, write_json
from joulecut_core.errors import ConfigError
from joulecut_server.pool.reports import ReplicaState

SCHEMA = "joulecut.pool/1"
LIST_FILE = "servers.json"
STANDING_FILE = "pool.json"
ENVOY_FILE = "eds.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStanding:
    """One server. `utilisation`: share of its time in which it computed during the last ten looks.

    `lives`: processes that have had its seat, 1 for one that was never restarted. `power_w`: its device's draw, None
    without a meter; `is_heard`: whether it answered the last looks. Energies are in joules of its own meter.
    """

    name: str
    state: ReplicaState
    address: str
    node: str
    gpu: str
    pid: int | None
    sessions: int
    waiting: int
    utilisation: float
    power_w: float | None
    energy_j: float | None
    lives: int
    is_heard: bool
    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStanding:
    """All servers. `keeper_pid`: the process that keeps the pool; `wanted`: how many there should be."""

    name: str
    keeper_pid: int
    wanted: int
    servers: tuple[ServerStanding, ...]
    schema: str = SCHEMA


def read_standing(folder: Path) -> PoolStanding:
    """The last standing of the pool whose folder this is. Raises ConfigError where there is none."""
    path = folder / STANDING_FILE
    remedy = "its keeper writes it anew at each look, as a restarted one does"
    try:
        document = read_json(path, ConfigError)
    except ConfigError as error:
        raise ConfigError(f"{error}; {remedy}") from error
    try:
        check_schema(document, SCHEMA, ConfigError)
        return decode(PoolStanding, document, error=ConfigError)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; {remedy}") from error


def name_before(folder: Path) -> str:
    """The pool that was last kept from that folder; empty where nothing says so."""
    with suppress(ConfigError):
        return read_standing(folder).name
    return ""


def write_standing(folder: Path, standing: PoolStanding) -> None:
    """Replace the standing at once. Raises OSError."""
    write_json(folder / STANDING_FILE, encode(standing))
