"""Forks agents as real processes in milliseconds, from one process that has loaded all they need.

`python -m tests.chaos.agent_nursery` reads one JSON line for each order and answers with a number; `AgentNursery` is
the other end. A forked agent runs the main function of its console script, in a session of its own.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from joulecut_core.errors import LinkError
from joulecut_core.timing import SystemClock
from joulecut_proto.waiting import wait_in_place

_ROOT = Path(__file__).parents[2]
LEAKING = "leaking server-agent"
"""A server-agent that leaks, for the soak's own test."""
_LEAKED_BYTES = 1 << 20
_LEAK_S = 0.1
_RUNNING = 1 << 20
"""No exit status."""


class AgentNursery:
    """Starts, kills and pauses the agents of one site; leaving the context kills what is left."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, forker: Path | None = None) -> None:
        """`environment`: what the agents get besides this process's own. `forker`: a program that runs `serve`."""
        self._alive: set[int] = set()
        self._forker = subprocess.Popen(
            [sys.executable, "-m", __name__] if forker is None else [forker],
            cwd=_ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> AgentNursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what is left and end the forker."""
        for pid in tuple(self._alive):
            self.kill(pid)
        self._forker.communicate()

    def enter(self, network: Path) -> None:
        """Let all agents that are started from now on run in another namespace of the network."""
        self._ask("enter", str(network))

    def start(self, program: str, arguments: Sequence[str], *, log: Path, largest_file_bytes: int | None = None) -> int:
        """The id of a new agent; `largest_file_bytes`: as far as it may write any file, as if the disk were full."""
        pid = self._ask("fork", program, str(log), -1 if largest_file_bytes is None else largest_file_bytes, *arguments)
        self._alive.add(pid)
        return pid

    def status(self, pid: int) -> int | None:
        """An agent's exit status, minus the signal's number where one ended it; None while it runs."""
        if pid not in self._alive:
            return 0
        status = self._ask("poll", pid)
        if status == _RUNNING:
            return None
        self._alive.discard(pid)
        return status

    def limit_files(self, pid: int, largest_file_bytes: int) -> None:
        """Change how far an agent that was started with a limit may write any file."""
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest_file_bytes, resource.RLIM_INFINITY))

    def send(self, pid: int, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(pid, number)

    def kill(self, pid: int) -> None:
        """End an agent as the kernel's memory killer would, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        self._ask("wait", pid)
        self._alive.discard(pid)

    def _ask(self, *words: str | int) -> int:
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(words) + "\n")
        self._forker.stdin.flush()
        answer = self._forker.stdout.readline()
        if not answer:
            raise LinkError("the nursery of agents has ended; its traceback is on standard error")
        return int(answer)


def _programs() -> Mapping[str, Callable[[], None]]:
    wait_in_place()
    # What takes seconds to load is loaded once, here, and shared by all that are forked.
    import joulecut_edge.agent  # noqa: PLC0415
    import joulecut_edge.cli  # noqa: PLC0415
    import joulecut_server.agent  # noqa: PLC0415
    import joulecut_server.cli  # noqa: PLC0415

    # torch imports these with the first network.
    importlib.import_module("torch._dynamo")

    def leaking() -> None:
        threading.Thread(target=_leak, daemon=True).start()
        joulecut_server.cli.main()

    return {"edge-agent": joulecut_edge.cli.main, "server-agent": joulecut_server.cli.main, LEAKING: leaking}


def _leak() -> None:
    """What a soak must notice: memory, file descriptors and threads, a little more every moment."""
    clock, hoard, sleep = SystemClock(), [], threading.Event()
    while True:
        hoard.append(bytearray(b"x" * _LEAKED_BYTES))
        os.dup(0)
        threading.Thread(target=sleep.wait, daemon=True).start()
        clock.sleep_until_s(clock.now_s() + _LEAK_S)


def _fork(
    programs: Mapping[str, Callable[[], None]], program: str, log: str, largest_file_bytes: int, *arguments: str
) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sink = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(sink, stream)
        if largest_file_bytes >= 0:
            # What the agent says must still be readable: a pipe has no size that the limit could meet.
            keeper = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=sink)
            assert keeper.stdin is not None
            for stream in (1, 2):
                os.dup2(keeper.stdin.fileno(), stream)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, resource.RLIM_INFINITY))
        sys.argv = [program, *arguments]
        programs[program]()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(status)


def _enter(network: str) -> int:
    with Path(network).open("rb") as file:
        # os.setns is younger than the oldest Python that is tested.
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns", network)
    return 0


def serve() -> None:
    """Follow the orders on standard input until it ends."""
    programs = _programs()
    alive: set[int] = set()
    for line in sys.stdin:
        verb, *words = json.loads(line)
        if verb == "fork":
            answer = _fork(programs, *words)
            alive.add(answer)
        elif verb == "enter":
            answer = _enter(*words)
        else:
            pid, status = os.waitpid(words[0], os.WNOHANG if verb == "poll" else 0)
            answer = os.waitstatus_to_exitcode(status) if pid else _RUNNING
            alive.discard(pid)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    # Whoever asked for them was killed itself.
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
