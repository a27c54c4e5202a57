"""Who sets a board's clocks for this user: the daemon, this process, nobody."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.devices import clock_daemon
from joulecut.devices.clock_access import ClockKeeper, Setter
from joulecut.devices.clock_daemon import Standing, look_up
from joulecut.devices.privilege import Privilege
from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.allow_list import Rule
from joulecut_runtime.clockd.book import SOCKET, STATE
from joulecut_runtime.clockd.client import ClockdClient
from tests.runtime.clockd.daemons import serving
from tests.runtime.clockd.file_board import FileBoard

ROOT = Privilege(user="root", uid=0, groups=("root",), sys_admin=True)
USER = Privilege(user="ada", uid=1000, groups=("ada",), sys_admin=False)
CONFINED = replace(ROOT, sys_admin=False)
BOARD = "file:gpu"
POINT = OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)
WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a daemon has one board."""
    FileBoard.make(tmp_path / "gpu")
    return tmp_path


@pytest.fixture
def daemon(folder: Path) -> Iterator[Path]:
    """The socket of a running daemon whose rules let this user set everything."""
    with serving(folder, now_s=ManualClock().now_s):
        yield folder / "sock"


def test_through_the_daemon(daemon: Path, tmp_path: Path) -> None:
    """Where it answers it sets the clocks, also for root: one book for all."""
    for privilege in (ROOT, USER):
        access = ClockKeeper(tmp_path, daemon, privilege).access(BOARD)
        assert (access.setter, access.holder) == (Setter.CLOCKD, None)


def test_the_holder_is_named(daemon: Path, tmp_path: Path) -> None:
    """Who holds what, as the daemon knows it, asked anew each time."""
    keeper = ClockKeeper(tmp_path, daemon)
    assert keeper.holding(BOARD) is None
    with closing(ClockdClient(daemon)) as client:
        client.acquire(BOARD, POINT, holder="edge-agent 7", ttl_s=10.0)
        holding = keeper.holding(BOARD)
        assert holding is not None
        assert holding.point == POINT
        assert holding.holder == f"edge-agent 7 (pid {os.getpid()}, uid {os.getuid()})"
        access = keeper.access(BOARD)
        assert access.holder == holding.holder
        client.release(BOARD)
    assert keeper.holding(BOARD) is None


def test_rules_that_leave_this_user_out(folder: Path) -> None:
    """The daemon answers everybody and lends to few: the remedy names the file of its rules."""
    with serving(folder, now_s=ManualClock().now_s, rules=[Rule(users="4242", boards="*", core_mhz="0-3000")]):
        access = ClockKeeper(folder, folder / "sock", USER).access(BOARD)
    assert access.setter is Setter.NOBODY
    assert str(folder / "etc/joulecut/clockd.ini") in access.remedy


def test_a_board_that_the_daemon_does_not_see(daemon: Path, tmp_path: Path) -> None:
    """A GPU that the daemon's container lacks cannot be set through it."""
    access = ClockKeeper(tmp_path, daemon).access("nvml:GPU-0")
    assert access.setter is Setter.NOBODY
    assert "lends no nvml:GPU-0" in access.reason


def test_an_emulated_device_is_nobody_elses(daemon: Path, tmp_path: Path) -> None:
    """Its clocks live in the process that opens it, with or without a daemon."""
    assert ClockKeeper(tmp_path, daemon).access("emulated:l4").setter is Setter.THIS_PROCESS


@pytest.mark.parametrize(
    ("privilege", "board", "setter"),
    [
        (ROOT, "nvml:GPU-0", Setter.THIS_PROCESS),
        (ROOT, "cpu:all", Setter.THIS_PROCESS),
        (USER, "nvml:GPU-0", Setter.NOBODY),
        # A tree of one's own can be written without root; a GPU cannot, wherever the tree is.
        (USER, "jetson:gpu", Setter.THIS_PROCESS),
    ],
)
def test_without_a_daemon(tmp_path: Path, privilege: Privilege, board: str, setter: Setter) -> None:
    """Privilege decides, and without it the way to the daemon is the remedy."""
    access = ClockKeeper(tmp_path, None, privilege).access(board)
    assert access.setter is setter
    assert (setter is Setter.NOBODY) == bool(access.remedy)


def test_a_user_on_the_system_itself(tmp_path: Path) -> None:
    """Kernel files of the machine are root's."""
    keeper = ClockKeeper(Path("/"), tmp_path / "no.sock", USER)
    assert keeper.access("cpu:all").setter is Setter.NOBODY


def test_root_in_a_container_may_be_refused(tmp_path: Path) -> None:
    """Without CAP_SYS_ADMIN a driver says no to root: told before the first lease fails."""
    keeper = ClockKeeper(tmp_path, None, CONFINED)
    access = keeper.access("nvml:GPU-0")
    assert access.setter is Setter.THIS_PROCESS
    assert "CAP_SYS_ADMIN" in access.reason
    assert "mount its socket" in access.remedy
    assert not keeper.access("cpu:all").reason


def test_a_socket_that_was_named_is_not_passed_over(tmp_path: Path) -> None:
    """Whoever names a daemon wants that one: root does not set clocks behind its back."""
    access = ClockKeeper(tmp_path, tmp_path / "no.sock", ROOT).access("nvml:GPU-0")
    assert access.setter is Setter.NOBODY
    assert "no.sock" in access.reason


def test_no_socket_and_a_dead_one(tmp_path: Path) -> None:
    """Never started, and killed: both are absent, each with the kernel's word."""
    assert look_up(tmp_path / "none").standing is Standing.ABSENT
    path = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    dead = look_up(path)
    assert dead.standing is Standing.ABSENT
    assert "refused" in dead.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_that_this_user_may_not_open(tmp_path: Path) -> None:
    """Not in the daemon's group."""
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        assert look_up(path).standing is Standing.FORBIDDEN


@pytest.mark.parametrize("reply", [b"", b"hello\n", b'{"answer": [{"board": "x"}]}\n', b'{"answer": 3}\n', b"[]\n"])
def test_something_else_listens_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    """Silence, nonsense and answers of another form are a standing, not a traceback."""
    monkeypatch.setattr(clock_daemon, "_ANSWER_S", WAIT_S)
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(4096)
                line.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        found = look_up(path)
        thread.join()
    assert found.standing is Standing.SILENT
    assert found.boards == ()


@pytest.mark.parametrize("privilege", [ROOT, USER], ids=["root", "user"])
def test_a_root_that_keeps_nothing(tmp_path: Path, privilege: Privilege) -> None:
    """Where no journal can be kept this process sets nothing, and is told which folder is in the way."""
    (tmp_path / "run").write_text("no folder")
    keeper = ClockKeeper(tmp_path, privilege=privilege)
    access = keeper.access("cpu:all")
    assert not keeper.privileged
    assert access.setter is Setter.NOBODY
    assert str(keeper.journals) in access.reason
    (tmp_path / "run").unlink()
    assert ClockKeeper(tmp_path, privilege=privilege).access("cpu:all").setter is Setter.THIS_PROCESS


def test_a_device_in_another_tree(tmp_path: Path) -> None:
    """Its journals, its rules and its daemon are those of that tree, unless a daemon was chosen."""
    keeper = ClockKeeper(tmp_path, privilege=USER)
    other = keeper.below(tmp_path / "other")
    assert keeper.below(tmp_path) is keeper
    assert (other.journals, other.socket) == (tmp_path / "other" / STATE, tmp_path / "other" / SOCKET)
    chosen = ClockKeeper(tmp_path, tmp_path / "sock", USER).below(tmp_path / "other")
    assert chosen.socket == tmp_path / "sock"
    assert not chosen.privileged
