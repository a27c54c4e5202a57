"""The daemon as a process: start, stop, notice to systemd, restore."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.exits import exit_code
from joulecut_runtime.clockd.allow_list import RULES
from joulecut_runtime.clockd.book import STATE, LeaseBook
from joulecut_runtime.clockd.cli import main
from joulecut_runtime.clockd.client import ClockdClient
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from tests.runtime.clockd.file_board import STOCK, FileBoard, file_boards
from tests.runtime.clockd.kill_trial import answers, started_clockd, until
from tests.runtime.clockd.nursery import Nursery

LOW = OperatingPoint(core_mhz=306.0)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    return FileBoard.make(tmp_path / "a")


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A daemon blocks its signals for as long as it lives, which here is the test run, and all that it starts."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stop_restores_and_ends_well(nursery: Nursery, tmp_path: Path, board: FileBoard, stop: signal.Signals) -> None:
    """A stopped daemon puts back what its clients hold, and says that all went well."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdClient(tmp_path / "sock")) as client:
        client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
        assert board.held() != STOCK
        os.kill(clockd, stop)
        assert nursery.wait(clockd) == 0
    assert board.held() == STOCK


def test_a_daemon_that_was_suspended_goes_on(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """As by SIGSTOP, or in a container that was paused: what is held stays held, and it answers."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdClient(tmp_path / "sock")) as client:
        client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
        os.kill(clockd, signal.SIGSTOP)
        time.sleep(1.1)  # longer than any wait of its own
        os.kill(clockd, signal.SIGCONT)
        client.heartbeat(board.key)
        time.sleep(0.3)
        client.heartbeat(board.key)
        assert board.held() != STOCK
        os.kill(clockd, signal.SIGTERM)
        assert nursery.wait(clockd) == 0


def test_stop_says_what_it_could_not_restore(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A board that is gone at the stop: the exit code of devices, and a restore once it is back."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdClient(tmp_path / "sock")) as client:
        client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
        (board.folder / "gone").touch()
        os.kill(clockd, signal.SIGTERM)
        assert nursery.wait(clockd) == int(exit_code(DeviceError()))
    assert main(["--root", str(tmp_path), "--restore"], find=file_boards) == int(exit_code(DeviceError()))
    (board.folder / "gone").unlink()
    assert main(["--root", str(tmp_path), "--restore"], find=file_boards) == 0
    assert board.held() == STOCK


def test_restore_leaves_the_living_alone(tmp_path: Path, board: FileBoard) -> None:
    """--restore beside a process that holds a board does not take it away."""
    with closing(LocalAuthority(LeaseBook(tmp_path, file_boards))) as authority:
        authority.grant(board.key, LOW, holder="test")
        assert main(["--root", str(tmp_path), "--restore"], find=file_boards) == 0
        assert board.held() != STOCK
    assert board.held() == STOCK


def test_hanging_client_loses_its_lease(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A stopped process (SIGSTOP) keeps its connection open: its time to live ends the lease, and it is told later."""
    started_clockd(nursery, tmp_path)
    agent = nursery.start("holder", tmp_path, "0.3")
    until(lambda: board.held() != STOCK, "no lease")
    os.kill(agent, signal.SIGSTOP)
    until(lambda: board.held() == STOCK, "the lease of a hanging client lasts")
    os.kill(agent, signal.SIGCONT)
    assert nursery.wait(agent) == int(exit_code(DeviceError()))
    assert board.held() == STOCK


def test_living_client_keeps_its_lease(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Heartbeats keep a lease over many times its time to live, and are a thread's business, not the holder's."""
    started_clockd(nursery, tmp_path)
    agent = nursery.start("holder", tmp_path, "0.3", "1.5")
    assert nursery.wait(agent) == 0
    assert [call.split()[0] for _, call in board.done()] == ["snapshot", "apply", "apply", "restore", "restored"]


def test_second_daemon_is_refused(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Two daemons would take the socket from each other."""
    del board
    started_clockd(nursery, tmp_path)
    assert nursery.wait(nursery.start("daemon", tmp_path)) == int(exit_code(DeviceError()))
    ClockdClient(tmp_path / "sock").close()


def test_second_daemon_is_told_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The lock of the first is named instead of an error number."""
    LeaseBook(tmp_path, file_boards).close()
    with (tmp_path / STATE / "joulecut-clockd.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        assert main(["--root", str(tmp_path)], find=file_boards) == int(exit_code(DeviceError()))
    assert "joulecut-clockd is held by another process" in capfd.readouterr().err


def test_a_file_in_the_sockets_place_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A mistaken --socket deletes nothing."""
    path = tmp_path / "precious"
    path.write_text("data")
    status = main(["--root", str(tmp_path), "--socket", str(path)], find=file_boards)
    assert status == int(exit_code(ConfigError()))
    assert f"{path}: [Errno 98] Address already in use; give --socket a free name" in capfd.readouterr().err
    assert path.read_text() == "data"


def test_a_socket_without_a_folder_is_bad_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The line names the path and what to do; no unit starts such a daemon again and again."""
    path = tmp_path / "none" / "sock"
    status = main(["--root", str(tmp_path), "--socket", str(path)], find=file_boards)
    assert status == int(exit_code(ConfigError()))
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {path}: ")
    assert error.endswith("give --socket a free name in a folder that is there")


def test_many_connections_leave_descriptors_for_clocks(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """More clients than the system gives descriptors are hung up on; leases are granted and restored meanwhile."""
    clockd = started_clockd(nursery, tmp_path)
    resource.prlimit(clockd, resource.RLIMIT_NOFILE, (24, 24))
    with closing(ClockdClient(tmp_path / "sock")) as client:
        client.states()
        with ExitStack() as others:
            for _ in range(60):
                others.enter_context(closing(ClockdClient(tmp_path / "sock")))
            client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
            assert board.held() != STOCK
            client.release(board.key)
            assert board.held() == STOCK
    os.kill(clockd, signal.SIGTERM)
    assert nursery.wait(clockd) == 0


def test_a_daemon_out_of_descriptors_waits_for_them(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A connection that the system cannot give is taken when it can; the log says why it had to wait."""
    clockd = started_clockd(nursery, tmp_path)
    before = resource.prlimit(clockd, resource.RLIMIT_NOFILE)
    resource.prlimit(clockd, resource.RLIMIT_NOFILE, (3, before[1]))
    with closing(ClockdClient(tmp_path / "sock")) as client:
        until(lambda: "Too many open files" in (tmp_path / "daemon.log").read_text(), "nothing is said")
        resource.prlimit(clockd, resource.RLIMIT_NOFILE, before)
        client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
        os.kill(clockd, signal.SIGTERM)
        assert nursery.wait(clockd) == 0
    assert board.held() == STOCK


def test_a_daemon_that_gets_no_thread_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It cannot serve: an error line, and an exit code after which it is started again."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert main(["--root", str(tmp_path)], find=file_boards) == int(exit_code(DeviceError()))
    assert "error: can't start new thread" in capfd.readouterr().err


def test_socket_is_for_root_and_its_group(nursery: Nursery, tmp_path: Path) -> None:
    """Others cannot even connect; journals are the owner's alone."""
    started_clockd(nursery, tmp_path)
    assert (tmp_path / "sock").stat().st_mode & 0o777 == 0o660
    assert (tmp_path / "run/joulecut-clockd/leases").stat().st_mode & 0o777 == 0o700


def test_wrong_rules_stop_the_daemon_as_bad_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A typing mistake in the rules: one line, and the exit code that is not started again."""
    rules = tmp_path / "clockd.ini"
    rules.write_text("[agents]\nuser = 1\n")
    rules.chmod(0o644)
    assert main(["--root", str(tmp_path), "--rules", str(rules)], find=file_boards) == int(exit_code(ConfigError()))
    error = capfd.readouterr().err
    assert error.startswith(f"error: {rules}: agents: ")
    assert "'user'" in error
    assert "; expected users, boards and core_mhz" in error


def test_systemd_is_told(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """READY once it listens, and a sign of life for the watchdog; without systemd nothing is sent."""
    del board
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20.0)
        nursery.start("notifying_daemon", tmp_path)
        assert systemd.recv(64) == b"READY=1"
        ClockdClient(tmp_path / "sock").close()
        assert systemd.recv(64) == b"WATCHDOG=1"


def test_a_systemd_that_does_not_listen_stops_nothing(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """Signs of life that nobody reads fill the socket up: the daemon still lends, restores and ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        filling = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with filling, suppress(BlockingIOError):
            while True:
                filling.sendto(b"x", socket.MSG_DONTWAIT, str(tmp_path / "notify"))
        clockd = nursery.start("notifying_daemon", tmp_path)
        until(lambda: answers(tmp_path), "clockd does not answer")
        with closing(ClockdClient(tmp_path / "sock")) as client:
            client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
            os.kill(clockd, signal.SIGTERM)
            assert nursery.wait(clockd) == 0
    assert board.held() == STOCK


def test_wrong_rules_do_not_stand_in_the_way_of_restore(nursery: Nursery, tmp_path: Path, board: FileBoard) -> None:
    """A daemon that cannot start again since its rules are wrong still leaves no clock behind."""
    clockd = started_clockd(nursery, tmp_path)
    with closing(ClockdClient(tmp_path / "sock")) as client:
        client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
        nursery.kill(clockd)
    (tmp_path / "etc/joulecut").mkdir(parents=True)
    (tmp_path / RULES).write_text("[agents]\nuser = 1\n")
    assert nursery.wait(nursery.start("daemon", tmp_path)) == int(exit_code(ConfigError()))
    assert board.held() == STOCK
    assert main(["--root", str(tmp_path), "--restore"], find=file_boards) == 0
