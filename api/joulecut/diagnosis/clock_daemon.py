"""Whether joulecut-clockd is reachable for this user, what it lends, and who holds what."""

from __future__ import annotations

from collections.abc import Iterator, Set

from joulecut.devices.clock_access import ClockKeeper
from joulecut.devices.clock_daemon import Standing, holder_in_words
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.decoding import encode
from joulecut_runtime.clockd.client import BoardState, BoardStatus

_LOG = "look into its log: `journalctl -u joulecut-clockd`"


def examine_clockd(keeper: ClockKeeper) -> Iterator[Finding]:
    """The daemon, each of its boards that is not simply free, and what others have yet to put back."""
    daemon = keeper.daemon
    facts: dict[str, Fact] = {
        "socket": str(daemon.socket),
        "standing": daemon.standing.value,
        "boards": [encode(board) for board in daemon.boards],
    }
    if daemon.standing is Standing.ANSWERING:
        names = ", ".join(board.board for board in daemon.boards) or "no board"
        yield _finding(Status.OK, f"answers at {daemon.socket} and lends {names}", None, facts)
        for board in daemon.boards:
            yield from _board(board)
        yield from _left_behind(keeper, but={board.board for board in daemon.boards})
        return
    yield from _left_behind(keeper)
    if daemon.standing is Standing.FORBIDDEN:
        remedy = f"join the group that owns it (`stat -c %G {daemon.socket}`), then log in again"
        yield _finding(Status.WARNING, daemon.reason, remedy, facts)
    elif daemon.standing is Standing.SILENT:
        yield _finding(Status.PROBLEM, f"does not answer: {daemon.reason}", _LOG, facts)
    elif keeper.privileged:
        what = f"not running ({daemon.reason}); this process may set clocks itself"
        remedy = "start it nevertheless where agents shall run without root, or be killed without leaving clocks behind"
        yield _finding(Status.NOTE, what, remedy, facts)
    else:
        remedy = "`systemctl enable --now joulecut-clockd` where clocks shall be set; nothing else needs it"
        yield _finding(Status.NOTE, f"not running: {daemon.reason}", remedy, facts)


def _board(board: BoardStatus) -> Iterator[Finding]:
    facts: dict[str, Fact] = encode(board)
    if board.state is BoardState.OWED:
        yield Finding(
            area=Area.CLOCKD,
            name=board.board,
            status=Status.WARNING,
            what="its clocks are not put back yet: the last attempt failed",
            remedy=_LOG,
            facts=facts,
        )
    elif board.state is not BoardState.FREE:
        what = f"leased by {holder_in_words(board)}"
        yield Finding(area=Area.CLOCKD, name=board.board, status=Status.OK, what=what, facts=facts)


def _left_behind(keeper: ClockKeeper, but: Set[str] = frozenset()) -> Iterator[Finding]:
    for board, path in keeper.owed():
        if board in but:
            continue
        yield Finding(
            area=Area.CLOCKD,
            name=board,
            status=Status.NOTE,
            what=f"its clocks are to be put back ({path}): a running process holds them, or a killed one left them",
            remedy="`joulecut device reset` puts them back, and refuses where somebody holds them",
            facts={"journal": str(path)},
        )


def _finding(status: Status, what: str, remedy: str | None, facts: dict[str, Fact]) -> Finding:
    return Finding(area=Area.CLOCKD, name="joulecut-clockd", status=status, what=what, remedy=remedy, facts=facts)
