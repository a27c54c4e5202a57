"""Runs an installed program to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines on standard error that are no log lines of an agent."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def run_program(program: str, *arguments: object, folder: Path, patience_s: float = _PATIENCE_S) -> Finished:
    """Run a console script in `folder`, one thread, no terminal, its cache and state in `folder` too."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)
