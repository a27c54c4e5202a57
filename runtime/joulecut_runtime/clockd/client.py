"""The unprivileged end of the clock daemon's socket: what any user's program asks of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import SystemClock
from joulecut_runtime.clockd.book import SOCKET

DEFAULT_SOCKET = Path("/") / SOCKET

_ANSWER_S = 10.0
_STARTING_S = 0.05
"""On the wall: a daemon that starts has its socket for a moment before it listens there."""
_REFUSALS: Mapping[str, type[DeviceError]] = {
    "ClockError": ClockError,
    **dict.fromkeys(("LeaseError", "UnchangedError"), LeaseError),
    **dict.fromkeys(("AbsentError", "ConfigError", "DeviceError"), DeviceError),
}
"""The daemon's errors whose messages say what to do."""
_CLOCK = SystemClock()


class ClockdGoneError(DeviceError):
    """The daemon cannot be reached, or broke the connection: what was leased over it is restored."""


class BoardState(str, Enum):
    """Who has a board."""

    FREE = "free"
    LEASED = "leased"
    OWED = "owed"
    """Nobody: it waits for a restore that failed and is tried again."""
    ELSEWHERE = "elsewhere"
    """Another privileged process, which did not ask the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStatus:
    """A board as the daemon sees it. `holder` and what follows are None unless it is leased.

    `allowed` is whether this user may ask for it at some clocks.
    """

    board: str
    state: BoardState
    allowed: bool
    holder: str | None = None
    uid: int | None = None
    pid: int | None = None
    point: OperatingPoint | None = None


class ClockdClient:
    """One connection; closing it releases what was leased over it. One caller at a time."""

    def __init__(self, path: Path = DEFAULT_SOCKET, *, answer_s: float = _ANSWER_S) -> None:
        """Connect, and give the daemon `answer_s` wall seconds for each answer.

        Raises LeaseError where this user may not open the socket, ClockdGoneError where nobody listens.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(answer_s)
        try:
            try:
                self._socket.connect(str(path))
            except ConnectionRefusedError:
                _CLOCK.sleep_until_s(_CLOCK.now_s() + _STARTING_S)
                self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            if isinstance(error, PermissionError):
                raise LeaseError(f"{path}: {error.strerror}; add this user to the socket's group") from error
            raise ClockdGoneError(f"{path}: {error}; start joulecut-clockd") from error
        self._answers = self._socket.makefile("rb")

    def states(self) -> tuple[BoardStatus, ...]:
        """Every board that the daemon can lend."""
        return tuple(_status(row) for row in self._ask(op="state"))

    def acquire(self, board: str, point: OperatingPoint, *, holder: str, ttl_s: float) -> None:
        """Lease a board. LeaseError where it is not free or not this user's, ClockError where the point is not."""
        self._ask(op="acquire", board=board, mhz=_clocks(point), ttl_s=ttl_s, name=holder)

    def move(self, board: str, point: OperatingPoint) -> None:
        """Set other clocks of a board leased over this connection. Raises as `acquire`."""
        self._ask(op="move", board=board, mhz=_clocks(point))

    def heartbeat(self, board: str) -> None:
        """Begin its time to live anew. Raises LeaseError where the lease has ended."""
        self._ask(op="heartbeat", board=board)

    def release(self, board: str) -> None:
        """End the lease; raises DeviceError where the board could not be put back yet."""
        self._ask(op="release", board=board)

    def reset(self, board: str) -> None:
        """Put a board that nobody holds back to what was before a lease, else to its driver's defaults."""
        self._ask(op="reset", board=board)

    def close(self) -> None:
        """Hang up. Safe to call twice."""
        self._answers.close()
        self._socket.close()

    def _ask(self, **request: str | float | list[float | None]) -> list[Mapping[str, Any]]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._answers.readline()
        except TimeoutError as error:
            limit_s = self._socket.gettimeout()
            raise ClockdGoneError(
                f"joulecut-clockd has not answered within {limit_s:g} s; it hangs, or a driver below it: see its log"
            ) from error
        except (OSError, ValueError) as error:
            raise ClockdGoneError(f"joulecut-clockd does not answer: {error}; its leases are restored") from error
        if not line:
            raise ClockdGoneError("joulecut-clockd hung up; it was stopped, or this user has too many connections")
        answer = json.loads(line)
        if "error" in answer:
            raise _refusal(answer["error"], answer["message"])
        rows: list[Mapping[str, Any]] = answer["answer"]
        return rows


def _refusal(kind: str, message: str) -> DeviceError:
    """The daemon's error as this process has it; what its system told it gets a remedy."""
    if kind in _REFUSALS:
        return _REFUSALS[kind](message)
    return DeviceError(f"joulecut-clockd failed: {message}; see its log, and whether /run has room for its journals")


def _clocks(point: OperatingPoint) -> list[float | None]:
    return [point.core_mhz, point.memory_mhz]


def _status(row: Mapping[str, Any]) -> BoardStatus:
    point = OperatingPoint(core_mhz=row["mhz"][0], memory_mhz=row["mhz"][1]) if "mhz" in row else None
    return BoardStatus(
        board=row["board"],
        state=BoardState(row["state"]),
        allowed=row["allowed"],
        holder=row.get("holder"),
        uid=row.get("uid"),
        pid=row.get("pid"),
        point=point,
    )
