"""Programs whose words nobody can take: a line or a status, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joulecut_core.exits import ExitCode

FULL = Path("/dev/full")


def said_to(stdout: int, module: str, *arguments: str) -> tuple[int, bytes]:
    """Status and standard error of an agent's program that speaks to `stdout`."""
    code = f"import sys; sys.argv[0] = 'agent'; from {module} import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("joulecut_edge.cli", ("--version",)),
        ("joulecut_edge.cli", ("--help",)),
        ("joulecut_server.cli", ("--device", "cpu", "--planning-only", "--print-config")),
    ],
)
def test_a_full_disk_is_said_in_a_line(module: str, arguments: tuple[str, ...]) -> None:
    """Whatever an agent was asked to print."""
    with FULL.open("wb") as full:
        status, said = said_to(full.fileno(), module, *arguments)
    assert status == ExitCode.FAILED
    assert (
        said == b"error: standard output: cannot be written: No space left on device; make room, or send it elsewhere\n"
    )


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """As in `edge-agent --help | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    assert said_to(writing, "joulecut_edge.cli", "--help") == (ExitCode.FAILED, b"")
    os.close(writing)
