"""Forks real processes quickly: daemons, and programs that lease boards as agents do, to be killed at any moment.

`python -m tests.runtime.clockd.nursery` reads one JSON line for each process, forks it and answers with its id;
`Nursery` is the other end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.exits import exit_code
from joulecut_core.timing import SystemClock, is_set_within
from joulecut_runtime.clockd.book import LeaseBook
from joulecut_runtime.clockd.cli import main as clockd
from joulecut_runtime.clockd.kernel_files import CpufreqBoard
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.authority_opening import open_authority
from joulecut_runtime.devices.hardware.clockd_authority import ClockdAuthority
from joulecut_runtime.devices.hardware.local_authority import LocalAuthority
from tests.runtime.clockd.file_board import CORE_MHZ, MEMORY_MHZ, STOCK, file_boards

_ROOT = Path(__file__).parents[3]
NOBODY = 65534
"""A user without rights, and its group."""


def daemon(folder: Path, *options: str) -> int:
    """joulecut-clockd over the file boards of a folder."""
    return clockd(["--root", str(folder), "--socket", str(folder / "sock"), *options], find=file_boards)


def kernel_daemon(folder: Path, *options: str) -> int:
    """joulecut-clockd over the kernel files below a folder, its socket open to the group of `nobody` where root is."""
    os.umask(0o077)  # as the unit has it
    if os.geteuid() == 0:
        os.setegid(NOBODY)
    return clockd(["--root", str(folder), "--socket", str(folder / "sock"), *options])


def cpu_holder(folder: Path, core_mhz: str) -> int:
    """Holds the host's CPU until it is killed, as an agent of user `nobody` where root is; else ends as refused."""
    is_set_within(threading.Event(), 0.0)  # loads what `nobody` may not read where Python is root's own
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        authority = open_authority(socket=folder / "sock")
        authority.grant(CpufreqBoard.key, OperatingPoint(core_mhz=float(core_mhz)), holder="edge-agent")
    except DeviceError as error:
        return int(exit_code(error))
    signal.pause()
    return 0


def notifying_daemon(folder: Path) -> int:
    """The same as systemd starts it, with the socket `notify` of the folder to tell."""
    os.environ["NOTIFY_SOCKET"] = str(folder / "notify")
    return daemon(folder)


def holder(folder: Path, ttl_s: str, lasting_s: str = "60") -> int:
    """Holds the folder's board, moves it once at the end, and ends with a device's exit code where that is refused."""
    clock = SystemClock()
    [board] = file_boards(folder)
    grant = ClockdAuthority(folder / "sock", ttl_s=float(ttl_s)).grant(
        board.key, OperatingPoint(core_mhz=CORE_MHZ[0]), holder="holder"
    )
    end_s = clock.now_s() + float(lasting_s)
    try:
        while clock.now_s() < end_s and board.held() != STOCK:
            clock.sleep_until_s(clock.now_s() + 0.01)
        grant.move(OperatingPoint(core_mhz=CORE_MHZ[1]))
        grant.release()
    except LeaseError as error:
        return int(exit_code(error))
    return 0


def agent(folder: Path, seed: str, ttl_s: str) -> int:
    """Leases a board of the daemon, moves and releases it, again and again, as fast as it can."""
    lease_for_ever(ClockdAuthority(folder / "sock", ttl_s=float(ttl_s)), folder, random.Random(int(seed)))  # noqa: S311 - choices, not secrets
    return 0


def root_agent(folder: Path, seed: str, ttl_s: str) -> int:
    """The same without the daemon, as an agent that is root."""
    del ttl_s
    book = LeaseBook(folder, file_boards)
    lease_for_ever(LocalAuthority(book), folder, random.Random(int(seed)))  # noqa: S311 - choices, not secrets
    return 0


def lease_for_ever(authority: ClockAuthority, folder: Path, draw: random.Random) -> None:
    """One lease after the other; what is refused or lost is asked for again."""
    boards = [board.key for board in file_boards(folder)]
    while True:
        try:
            grant = authority.grant(draw.choice(boards), _drawn(draw), holder="agent")
            for _ in range(draw.randrange(4)):
                grant.move(_drawn(draw))
            grant.release()
        except DeviceError:
            continue


def _drawn(draw: random.Random) -> OperatingPoint:
    return OperatingPoint(core_mhz=draw.choice(CORE_MHZ), memory_mhz=draw.choice((None, *MEMORY_MHZ)))


PROGRAMS: Mapping[str, Callable[..., int]] = {
    program.__name__: program
    for program in (daemon, kernel_daemon, notifying_daemon, holder, cpu_holder, agent, root_agent)
}


class Nursery:
    """Starts, stops and kills the processes of one test."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._forker = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill_all()
        self._forker.communicate()

    def start(self, program: str, folder: Path, *options: str) -> int:
        """The id of a new process that runs a program."""
        pid = self._ask("fork", program, str(folder), *options)
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The exit status of a process, once it has ended; minus the signal's number where one killed it."""
        self._alive.discard(pid)
        return self._ask("wait", str(pid))

    def kill(self, *pids: int) -> None:
        """End processes as the kernel's memory killer would, and wait until they are gone."""
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            self.wait(pid)

    def kill_all(self) -> None:
        """Kill whatever is left."""
        self.kill(*self._alive)

    def _ask(self, *words: str) -> int:
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(words) + "\n")
        self._forker.stdin.flush()
        return int(self._forker.stdout.readline())


def _forked(program: str, folder: str, *options: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        log = os.open(Path(folder) / f"{program}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        status = PROGRAMS[program](Path(folder), *options)
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    for line in sys.stdin:
        verb, *words = json.loads(line)
        answer = _forked(*words) if verb == "fork" else os.waitstatus_to_exitcode(os.waitpid(int(words[0]), 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
