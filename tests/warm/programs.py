"""joulecut's programs from a warm interpreter: each start is a fork of one that has imported everything.

Pages start programs some two hundred times, and importing torch takes longer than most of what they do. `WarmPrograms`
puts a folder of stand-ins on a PATH; a stand-in hands its arguments, environment and standard streams to the warm
interpreter, passes signals on, and ends with the program's exit status. All processes that run tests share one
interpreter: it leaves the session of the one that started it, and ends with the process that owns the tests.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import importlib.util
import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from joulecut_proto.waiting import wait_in_place
from tests.chaos import agent_nursery
from tests.kept import FOLDER, kept
from tests.warm.starting import receive

NURSERY = "agent-nursery"
"""Not one of joulecut's, but it too needs all that is imported here."""
PROGRAMS = ("edge-agent", "joulecut", "joulecut-clockd", "server-agent")
_MODULE = "joulecut.diagnosis.torch_report"
"""Run by `python -m` with each `joulecut doctor`; all that it takes is to import torch."""
_ROOT = Path(__file__).parents[2]
_STAND_IN = Path(__file__).with_name("starting.py")
_IMPORTED_LAZILY = (
    "joulecut.cli",
    "joulecut.own.trial",
    "joulecut_edge.agent",
    "joulecut_server.agent",
    "joulecut.devices.listing",
    "joulecut.diagnosis.diagnosis",
    "joulecut.diagnosis.report",
    "joulecut.pki.course",
    "joulecut.reports.saved",
    "joulecut.simulation.course",
    "scipy.optimize",
)
_OF_EXTRAS = ("matplotlib.figure", "plotly.subplots")
"""Imported where they are installed."""
_WITH_OPTIONS = ("joulecut.cli", "joulecut_edge.cli", "joulecut_server.cli")
_EXAMPLE = _ROOT / "docs/examples/camera.json"
_START_S = 600.0


@dataclass(frozen=True, slots=True)
class Start:
    """How a program is started. `interpreter`: what lies beside the stand-ins, so that it finds them there too."""

    interpreter: str
    program: str
    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class WarmPrograms:
    """A folder of stand-ins for one interpreter."""

    path: Path

    @property
    def nursery(self) -> Path:
        """What forks agents for an `AgentNursery`."""
        return self.path / NURSERY


def warm_programs() -> WarmPrograms:
    """Those of all processes that run these tests: the first that asks starts the interpreter."""
    return kept(
        "warm",
        lambda: _start(Path(os.environ[FOLDER])),
        write=lambda programs, place: place.write_text(str(programs.path)),
        read=lambda place: WarmPrograms(Path(place.read_text())),
    )


def _start(folder: Path) -> WarmPrograms:
    path = folder / "bin"
    path.mkdir(exist_ok=True)
    door, python = folder / "warm.sock", path / "python"
    stand_in = f"{sys.executable} -ISE {_STAND_IN} {door} {python}"
    _put(python, sys.executable, f'test "$*" = "-m {_MODULE}" && exec {stand_in} {_MODULE}')
    for program in (*PROGRAMS, NURSERY):
        _put(path / program, f"{stand_in} {program}")
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    started = subprocess.run(
        [sys.executable, "-m", __name__, str(door), str(owner)],
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=_START_S,
    )
    if started.returncode:
        pytest.fail("the warm interpreter did not start; its error is above")
    return WarmPrograms(path)


def _put(stand_in: Path, command: str, *before: str) -> None:
    stand_in.write_text("\n".join(("#!/bin/sh", *before, f'exec {command} "$@"\n')))
    stand_in.chmod(0o755)


def _entry_points() -> dict[str, Callable[[], object]]:
    scripts = importlib.metadata.distribution("joulecut").entry_points.select(group="console_scripts")
    return {script.name: script.load() for script in scripts if script.name in PROGRAMS}


def _build_commands() -> None:
    """Options are read out of functions' signatures before the forks: it takes as long as many a command."""
    build = cache(typer.main.get_command)
    for module in _WITH_OPTIONS:
        build(importlib.import_module(module).app)
    pytest.MonkeyPatch().setattr(typer.main, "get_command", build)


def _rehearse() -> None:
    """What libraries load with the first command, picture and captured network is loaded before the forks."""
    torch = importlib.import_module("torch")
    capturing = importlib.import_module("joulecut_runtime.capturing.capture")
    capturing.capture(torch.nn.Linear(1, 1), (torch.zeros(1, 1),), name="rehearsal")
    with tempfile.TemporaryDirectory() as folder:
        words = ["plan", str(_EXAMPLE), "--html", str(Path(folder) / "page.html")]
        CliRunner().invoke(importlib.import_module("joulecut.cli").app, words)


def _become(program: Callable[[], object], start: Start, streams: list[int]) -> None:
    """Run `program` in this fork as if it had been started so; does not return."""
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.environ.clear()
        os.environ.update(start.environment)
        tempfile.tempdir = None  # else TMPDIR is the interpreter's own
        os.chdir(start.folder)
        sys.modules["__main__"].__package__ = None  # else click calls the program "python -m ..."
        sys.executable = start.interpreter
        sys.argv[:] = [start.program, *start.arguments]
        for handled in (signal.SIGTERM, signal.SIGINT):
            signal.signal(handled, signal.SIG_DFL if handled is signal.SIGTERM else signal.default_int_handler)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        program()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - what an interpreter does with whatever nobody caught
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _Interpreter:
    """Forks a program for each connection; the connection carries signals in and the exit status out."""

    def __init__(self, door: str) -> None:
        wait_in_place()
        report = importlib.import_module(_MODULE)
        self._programs = {**_entry_points(), NURSERY: agent_nursery.serve, _MODULE: report.main}
        for module in _IMPORTED_LAZILY:
            importlib.import_module(module)
        for module in _OF_EXTRAS:
            if importlib.util.find_spec(module.partition(".")[0]) is not None:
                importlib.import_module(module)
        _build_commands()
        _rehearse()
        # Else each fork looks through all that is imported for garbage, and gets pages of its own by looking.
        gc.collect()
        gc.freeze()
        self._waiting = selectors.DefaultSelector()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(door)
        self._door.listen(64)
        self._waiting.register(self._door, selectors.EVENT_READ, self._start)

    def serve(self, owner: int) -> None:
        """Until that process has ended."""
        self._waiting.register(os.pidfd_open(owner), selectors.EVENT_READ, sys.exit)
        while True:
            for key, _ in self._waiting.select():
                key.data()

    def _start(self) -> None:
        connection, _ = self._door.accept()
        said, streams = receive(connection)
        start = Start(**marshal.loads(said))  # noqa: S302 - from our own stand-in
        child = os.fork()
        if not child:
            self._door.close()
            _become(self._programs[start.program], start, streams)
        for stream in streams:
            os.close(stream)
        ended = os.pidfd_open(child)
        self._waiting.register(ended, selectors.EVENT_READ, lambda: self._finish(child, ended, connection))
        self._waiting.register(connection, selectors.EVENT_READ, lambda: self._pass_on(child, connection))

    def _pass_on(self, child: int, connection: socket.socket) -> None:
        asked = connection.recv(1)
        if not asked:  # the stand-in was killed
            self._waiting.unregister(connection)
        os.kill(child, asked[0] if asked else signal.SIGKILL)

    def _finish(self, child: int, ended: int, connection: socket.socket) -> None:
        _, status = os.waitpid(child, 0)
        self._waiting.unregister(ended)
        os.close(ended)
        if connection in self._waiting.get_map():
            self._waiting.unregister(connection)
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(bytes([code if code >= 0 else 128 - code]))
        connection.close()


def main(door: str, owner: int) -> None:
    """Return when programs can be started at `door`: by a fork of this process, which lives as long as `owner`."""
    interpreter = _Interpreter(door)
    if not os.fork():
        os.setsid()
        interpreter.serve(owner)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
