"""Whether joulecut-clockd is there for this user, and which boards it lends to whom."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from joulecut_core.errors import DeviceError, LeaseError
from joulecut_runtime.clockd.client import BoardState, BoardStatus, ClockdClient

_ANSWER_S = 3.0


class Standing(str, Enum):
    """How the daemon's socket answers this user."""

    ANSWERING = "answering"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What was found at a socket. `reason`: why it does not answer."""

    socket: Path
    standing: Standing
    boards: tuple[BoardStatus, ...] = ()
    reason: str = ""

    def board(self, key: str) -> BoardStatus | None:
        """What it says of one board; None where it knows none of that name."""
        return next((board for board in self.boards if board.board == key), None)


def look_up(path: Path) -> Daemon:
    """The daemon at a socket and its boards, now. Never raises."""
    try:
        client = ClockdClient(path, answer_s=_ANSWER_S)
    except LeaseError as error:
        return Daemon(socket=path, standing=Standing.FORBIDDEN, reason=str(error))
    except DeviceError as error:
        return Daemon(socket=path, standing=Standing.ABSENT, reason=str(error))
    with closing(client):
        try:
            return Daemon(socket=path, standing=Standing.ANSWERING, boards=client.states())
        # Whatever listens there need not be the daemon, or of this version.
        except (DeviceError, ValueError, LookupError, TypeError) as error:
            return Daemon(socket=path, standing=Standing.SILENT, reason=f"{path}: {error}")


def holder_in_words(status: BoardStatus) -> str | None:
    """Who has a board, in words; None where it is free."""
    if status.state is BoardState.LEASED:
        return f"{status.holder} (pid {status.pid}, uid {status.uid})"
    if status.state is BoardState.OWED:
        return "joulecut-clockd, which has yet to put back its clocks"
    return "another process" if status.state is BoardState.ELSEWHERE else None
