"""What is said about the clock daemon."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from joulecut.devices.clock_access import ClockKeeper
from joulecut.devices.clock_daemon import Daemon, Standing
from joulecut.devices.privilege import Privilege
from joulecut.diagnosis.clock_daemon import examine_clockd
from joulecut.diagnosis.finding import Finding, Status
from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.book import STATE
from joulecut_runtime.clockd.client import BoardState, BoardStatus, ClockdClient
from tests.runtime.clockd.daemons import serving
from tests.runtime.clockd.file_board import FileBoard

USER = Privilege(user="ada", uid=1000, groups=("ada",), sys_admin=False)


def told(keeper: ClockKeeper) -> tuple[Finding, ...]:
    """All findings."""
    return tuple(examine_clockd(keeper))


def test_running_with_a_lease(tmp_path: Path) -> None:
    """Which boards it lends, and who holds one."""
    for name in ("gpu", "other"):
        FileBoard.make(tmp_path / name)
    with serving(tmp_path, now_s=ManualClock().now_s), closing(ClockdClient(tmp_path / "sock")) as client:
        client.acquire("file:gpu", OperatingPoint(core_mhz=612.0), holder="edge-agent 7", ttl_s=10.0)
        daemon, board = told(ClockKeeper(tmp_path, tmp_path / "sock"))
        client.release("file:gpu")
    assert daemon.status is Status.OK
    assert "file:gpu, file:other" in daemon.what
    assert daemon.facts["standing"] == "answering"
    assert board.name == "file:gpu"
    assert "leased by edge-agent 7" in board.what


def test_not_running(tmp_path: Path) -> None:
    """Planning and emulation need none: a note, for a user with the way to have one."""
    (user,) = told(ClockKeeper(tmp_path, tmp_path / "sock", USER))
    assert user.status is Status.NOTE
    assert "systemctl enable" in (user.remedy or "")
    (own_tree,) = told(ClockKeeper(tmp_path, None, USER))
    assert own_tree.status is Status.NOTE
    assert "this process may set clocks itself" in own_tree.what


def test_clocks_that_a_killed_process_left(tmp_path: Path) -> None:
    """A snapshot on disk without a daemon to put it back is told with the command that does."""
    keeper = ClockKeeper(tmp_path)
    keeper.journals.mkdir(parents=True)
    (keeper.journals / "nvml:GPU-1.json").write_text("{}")
    left, _ = told(keeper)
    assert left.name == "nvml:GPU-1"
    assert "joulecut device reset" in (left.remedy or "")


class Said(ClockKeeper):
    """A keeper with a daemon that a test describes."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(Path("/nowhere"), daemon.socket, USER)
        self.daemon = daemon


@pytest.mark.parametrize(
    ("standing", "status", "remedy"),
    [(Standing.FORBIDDEN, Status.WARNING, "join the group"), (Standing.SILENT, Status.PROBLEM, "journalctl")],
)
def test_there_and_not_for_this_user(standing: Standing, status: Status, remedy: str) -> None:
    """A closed door is another matter than a daemon that hangs."""
    (finding,) = told(Said(Daemon(socket=Path("/nowhere/sock"), standing=standing, reason="so")))
    assert finding.status is status
    assert remedy in (finding.remedy or "")


def test_a_restore_that_failed() -> None:
    """Clocks that are still not back are a warning."""
    owed = BoardStatus(board="jetson:gpu", state=BoardState.OWED, allowed=True)
    free = BoardStatus(board="nvml:GPU-1", state=BoardState.FREE, allowed=True)
    found = told(Said(Daemon(socket=Path("/s"), standing=Standing.ANSWERING, boards=(owed, free))))
    assert [finding.name for finding in found] == ["joulecut-clockd", "jetson:gpu"]
    assert found[1].status is Status.WARNING


def test_what_the_daemon_does_not_lend_is_told_beside_it(tmp_path: Path) -> None:
    """A killed process left clocks of a board that the daemon does not see, as in a container: somebody has to."""
    journals = tmp_path / STATE
    journals.mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("0c9a-4f\n")
    for journal in ("0c9a-4fcpu:all", "0c9a-4fnvml:GPU-1", "77e1-00cpu:all"):
        (journals / f"{journal}.json").write_text("{}")
    lent = BoardStatus(board="nvml:GPU-1", state=BoardState.LEASED, allowed=True, holder="edge", uid=1, pid=2)
    keeper = ClockKeeper(tmp_path, privilege=USER)
    keeper.daemon = Daemon(socket=Path("/s"), standing=Standing.ANSWERING, boards=(lent,))
    _, leased, left = told(keeper)
    assert (leased.status, left.status) == (Status.OK, Status.NOTE)
    assert left.name == "cpu:all"
    assert "joulecut device reset" in (left.remedy or "")
