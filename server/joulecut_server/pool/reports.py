"""What a server of a pool says of itself when it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from joulecut_server.reporting.load import LoadReading


class ReplicaState(Enum):
    """Where a server is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaReport:
    """One server, now. `address`: where edges reach it, empty before it serves. `complaint`: why it has failed.

    `pid` tells one life of it from the next, None where its process could not make it; `node`: the address of its host;
    `gpu`: what it was given, empty for none. `config_digest`: of the configuration that it was started with.
    """

    state: ReplicaState
    pid: int | None
    config_digest: str
    address: str = ""
    node: str = ""
    gpu: str = ""
    complaint: str = ""
    load: LoadReading | None = None
