"""What agents tell each other besides plans and tensors: hello, state, bundles, echoes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.errors import ContractError

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Side(str, Enum):
    """Which half of a network an agent runs."""

    EDGE = "edge"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who calls. `slowdown`: wall seconds that one second of its clock lasts."""

    contract_version: int
    name: str
    side: Side
    slowdown: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkId:
    """A network that an agent has loaded."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloReply:
    """Who answers, on what device, with which networks; `epoch` is the highest it knows.

    `instance`: this process of it, so that two connections are known to end at the same one; empty where not told.
    """

    contract_version: int
    name: str
    side: Side
    device: DeviceInfo
    networks: tuple[NetworkId, ...]
    epoch: int
    slowdown: float = 1.0
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """A reading of an agent's device.

    `leased` is None without a lease; `overrun_s`: seconds by which the host was too slow for its
    emulated device, in all.
    """

    device: DeviceState
    leased: OperatingPoint | None
    overrun_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleChunk:
    """A piece of one file of a bundle. Raises ContractError where name or place cannot be."""

    file: str
    offset: int
    data: bytes
    total_bytes: int

    def __post_init__(self) -> None:
        if not _FILE_NAME.fullmatch(self.file):
            raise ContractError(f"bundle file name {self.file[:40]!r}; expected a plain name without folders")
        end = self.offset + len(self.data)
        if self.offset < 0 or end > self.total_bytes:
            raise ContractError(
                f"bundle file {self.file}: a chunk of bytes {self.offset} to {end}; "
                f"expected it inside the file's {self.total_bytes}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """A probe of the link: bytes up, and how many to send down."""

    payload: bytes
    reply_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoReply:
    """The answer to a probe; `server_s` is what the other side spent on it."""

    payload: bytes
    server_s: float
