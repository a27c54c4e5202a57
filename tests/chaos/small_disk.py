"""A real file system of a few pages that can be filled up. Needs root."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_SIZE_BYTES = 1 << 18
_BALLAST = "ballast"


class SmallDisk:
    """A file system at a folder."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / _BALLAST

    def fill(self) -> None:
        """Leave not one byte."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def clear(self) -> None:
        """Make room again."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Such a file system at an empty folder; leaving takes it away."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "joulecut-test", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: an agent that still runs has its lock file open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@cache
def why_no_small_disk() -> str:
    """Why there can be none here; empty where there can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""
