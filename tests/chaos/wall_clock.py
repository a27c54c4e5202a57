"""Hosts whose wall clocks disagree: a library that, preloaded, gives a process another time of day."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
NO_COMPILER = "no C compiler (cc, gcc or clang) to build the wall clock with"
_SOURCE = Path(__file__).with_suffix(".c")


def wall_clock(folder: Path, *, shift_s: float = 0.0, drift: float = 0.0) -> Mapping[str, str]:
    """What a process's environment needs for a wall clock that is `shift_s` off and gains `drift` seconds a second."""
    assert COMPILER is not None, NO_COMPILER
    library = folder / "wall_clock.so"
    if not library.exists():
        options = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared")
        built = subprocess.run(
            [COMPILER, *options, str(_SOURCE), "-o", str(library), "-ldl"], capture_output=True, text=True, check=False
        )
        assert built.returncode == 0, built.stderr
    return {"LD_PRELOAD": str(library), "WALL_SHIFT_S": str(shift_s), "WALL_DRIFT": str(drift)}
