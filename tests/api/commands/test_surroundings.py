"""What happens around a command, as real processes: readers that leave, full disks, plain terminals, SIGTERM."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joulecut_core.exits import ExitCode

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120.0
RUN = "import sys; from joulecut.commands.surroundings import run_surrounded\n"
FULL = Path("/dev/full")


def python(
    code: str, *, stdout: int | None = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """A program of a few lines in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", RUN + code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        timeout=PATIENCE_S,
        check=False,
    )


def test_signs_that_the_terminal_lacks_become_question_marks() -> None:
    """A name with an umlaut does not end a command where standard output is ASCII."""
    done = python("run_surrounded(lambda: print('Gerät'))", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stdout) == (0, b"Ger?t\n")


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """As in `joulecut ... | head -1`: no traceback, nothing said at the interpreter's end."""
    reading, writing = os.pipe()
    os.close(reading)
    done = python("run_surrounded(lambda: print('x' * 100_000))", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, b"")


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_in_a_line() -> None:
    """Small output too, which only the end of the program writes."""
    code = "from joulecut_core.programs import run_program\n"
    code += "sys.exit(run_program(lambda: run_surrounded(lambda: print('x'))))"
    with FULL.open("wb") as full:
        done = python(code, stdout=full.fileno())
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == (
        b"error: standard output: cannot be written: No space left on device; make room, or send it elsewhere\n"
    )


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_signals_end_it_as_ctrl_c_does(number: str) -> None:
    """What was opened is closed, and the status is that of an interrupt."""
    code = f"""
import os, signal, typer
from joulecut.long_work.interruption import interruptible
from joulecut_core.programs import run_program

app = typer.Typer()

@app.command()
def demo() -> None:
    with interruptible(lambda: "nothing is kept"):
        os.kill(os.getpid(), signal.{number})
        signal.pause()

sys.argv = ["joulecut"]
sys.exit(run_program(lambda: run_surrounded(app)))
"""
    done = python(code)
    assert done.returncode == ExitCode.INTERRUPTED
    assert done.stderr == b"interrupted: nothing is kept; go on with: joulecut\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_plan_on_any_terminal(encoding: str) -> None:
    """Tables are drawn with what the terminal's encoding has."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("joulecut")), "plan", "docs/examples/camera.json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "NO_COLOR": "1", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "692.016 mJ" in done.stdout.decode(encoding)
    assert b"\x1b" not in done.stdout
