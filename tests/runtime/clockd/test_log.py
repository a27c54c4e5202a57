"""A daemon whose standard error nobody reads any more, or that has nowhere to write it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError, LeaseError
from joulecut_core.exits import exit_code
from joulecut_runtime.clockd.book import STATE
from joulecut_runtime.clockd.client import BoardState, ClockdClient
from tests.runtime.clockd.file_board import STOCK, FileBoard
from tests.runtime.clockd.kill_trial import answers, until

ROOT = Path(__file__).parents[3]
LOW = OperatingPoint(core_mhz=306.0)
_PROGRAM = (
    "import sys; from joulecut_runtime.clockd.cli import main; from tests.runtime.clockd.file_board import file_boards;"
    "sys.exit(main(sys.argv[1:], find=file_boards))"
)
_BROKEN_PROGRAM = "from joulecut_runtime.clockd.cli import main; main(['--restore'], find=lambda _: {}['boards'])"
_MANY = 600
"""More lines than any of these takes unread."""


def _pipe(folder: Path) -> tuple[int, ...]:
    del folder
    return os.pipe()


def _fifo(folder: Path) -> tuple[int, ...]:
    os.mkfifo(folder / "fifo")
    return os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK), os.open(folder / "fifo", os.O_WRONLY)


def _terminal(folder: Path) -> tuple[int, ...]:
    del folder
    return pty.openpty()


def _stopped_terminal(folder: Path) -> tuple[int, ...]:
    """As by Ctrl-S."""
    ours, theirs = _terminal(folder)
    termios.tcflow(theirs, termios.TCOOFF)
    return ours, theirs


def _journal(folder: Path) -> tuple[int, ...]:
    """A socket, as systemd's journal gives one."""
    del folder
    return tuple(end.detach() for end in socket.socketpair())


def _gone(folder: Path) -> tuple[int, ...]:
    ours, theirs = _pipe(folder)
    os.close(ours)
    return (theirs,)


def _full_disk(folder: Path) -> tuple[int, ...]:
    del folder
    return (os.open("/dev/full", os.O_WRONLY),)


def _closed(folder: Path) -> tuple[int, ...]:
    del folder
    return ()


STUCK: tuple[Callable[[Path], tuple[int, ...]], ...] = (
    *(_pipe, _fifo, _terminal, _stopped_terminal, _journal),
    *(_gone, _full_disk, _closed),
)
each_kind = pytest.mark.parametrize("stuck", STUCK, ids=[kind.__name__[1:] for kind in STUCK])


@pytest.fixture
def board(tmp_path: Path) -> FileBoard:
    return FileBoard.make(tmp_path / "a")


@contextmanager
def logging_to(ends: tuple[int, ...], *arguments: str, program: str = _PROGRAM) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the last of these as its standard error, or with none; killed at the end."""
    command = [sys.executable, "-c", program, *arguments]
    if ends:
        process = subprocess.Popen(command, cwd=ROOT, stderr=ends[-1])
    else:
        process = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command], cwd=ROOT)
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def opened(kind: Callable[[Path], tuple[int, ...]], folder: Path) -> Iterator[tuple[int, ...]]:
    """What a kind of standard error has as descriptors."""
    with ExitStack() as closing_them:
        ends = kind(folder)
        for end in ends:
            closing_them.callback(os.close, end)
        yield ends


def fill(end: int) -> None:
    """Write until there is no room, and let others wait for it as before."""
    os.set_blocking(end, False)
    try:
        while os.write(end, b"x"):
            pass
    except OSError:
        os.set_blocking(end, True)


def refused(client: ClockdClient, times: int) -> None:
    """Have the daemon log so many refusals, and answer each."""
    for _ in range(times):
        with pytest.raises(LeaseError, match="has ended"):
            client.heartbeat("file:a")


def free(client: ClockdClient) -> bool:
    return [status.state for status in client.states()] == [BoardState.FREE]


@each_kind
def test_a_log_that_nobody_reads_keeps_no_clock(
    tmp_path: Path, board: FileBoard, stuck: Callable[[Path], tuple[int, ...]]
) -> None:
    """Every command is answered, a lease expires, and SIGTERM restores and ends the daemon well."""
    arguments = ("--root", str(tmp_path), "--socket", str(tmp_path / "sock"))
    with opened(stuck, tmp_path) as ends, logging_to(ends, *arguments) as daemon:
        until(lambda: answers(tmp_path), "clockd does not answer")
        with closing(ClockdClient(tmp_path / "sock")) as client:
            refused(client, _MANY)
            client.acquire(board.key, LOW, holder="test", ttl_s=0.1)
            until(lambda: free(client), "the lease does not expire")
            assert board.held() == STOCK
            client.acquire(board.key, LOW, holder="test", ttl_s=60.0)
            assert board.held() != STOCK
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(20.0) == 0
        assert board.held() == STOCK


@each_kind
def test_a_restore_waits_for_no_reader(
    tmp_path: Path, board: FileBoard, stuck: Callable[[Path], tuple[int, ...]]
) -> None:
    """What a killed daemon left is put back by --restore, which writes to the same log."""
    (tmp_path / STATE).mkdir(mode=0o700, parents=True)
    (tmp_path / STATE / f"{board.key}.json").write_text(json.dumps({"memory": True, "snapshot": STOCK}))
    board._write({**STOCK, "highest_mhz": "306.0"})
    with opened(stuck, tmp_path) as ends:
        if ends:
            fill(ends[-1])
        with logging_to(ends, "--root", str(tmp_path), "--restore") as restore:
            assert restore.wait(20.0) == 0
    assert board.held() == STOCK


def test_what_was_lost_is_counted_and_told(tmp_path: Path, board: FileBoard) -> None:
    """Once there is room again: with the next line, so that each line is either there or counted."""
    del board
    arguments = ("--root", str(tmp_path), "--socket", str(tmp_path / "sock"))
    with opened(_pipe, tmp_path) as (ours, theirs), logging_to((theirs,), *arguments):
        until(lambda: answers(tmp_path), "clockd does not answer")
        assert os.get_blocking(theirs)
        with closing(ClockdClient(tmp_path / "sock")) as client:
            refused(client, _MANY)
            os.set_blocking(ours, False)
            before = os.read(ours, 1 << 20)
            refused(client, 2)
            log = (before + os.read(ours, 1 << 20)).decode()
    [lost] = re.findall(r"^WARNING (\d+) lines are lost here", log, re.MULTILINE)
    assert int(lost) > 0
    assert len(re.findall(r"^INFO audit .*refusal.*\}$", log, re.MULTILINE)) + int(lost) == _MANY + 2


def test_a_terminal_stays_as_it_is_for_others(tmp_path: Path) -> None:
    """The daemon's own way to it does not wait; the shell's that started it still does."""
    with opened(_terminal, tmp_path) as (ours, theirs):
        with logging_to((theirs,), "--root", str(tmp_path), "--socket", str(tmp_path / "none/sock")) as daemon:
            assert daemon.wait(20.0) == int(exit_code(ConfigError()))
        assert os.get_blocking(theirs)
        assert b"give --socket a free name" in os.read(ours, 4096)


def test_without_standard_error_the_exit_code_tells(tmp_path: Path) -> None:
    """Bad input ends the daemon as bad input where it has nowhere to say so."""
    with logging_to((), "--root", str(tmp_path), "--socket", str(tmp_path / "none/sock")) as daemon:
        assert daemon.wait(20.0) == int(exit_code(ConfigError()))


def test_what_the_interpreter_says_at_an_end_waits_for_no_reader(tmp_path: Path) -> None:
    """A process that ends by an error nobody foresaw does end."""
    with opened(_pipe, tmp_path) as ends:
        fill(ends[-1])
        with logging_to(
            ends, program=_BROKEN_PROGRAM.replace("'--restore'", f"'--root={tmp_path}', '--restore'")
        ) as it:
            assert it.wait(20.0) == 1
