"""Keeping finished parts on a disk that may be full: whoever finds it so keeps what is there, and goes on from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut.long_work.interruption import again
from joulecut_core.documents import cannot_write
from joulecut_core.errors import ConfigError


@contextmanager
def keeping(path: Path) -> Iterator[None]:
    """Writing finished parts into a file. Raises ConfigError with the way on where it cannot be written."""
    try:
        yield
    except OSError as cause:
        said = (
            f"{path}: what is finished cannot be kept: {cause.strerror}; make room there and let this user write, "
            f"then go on with: {again(['--resume'])}"
        )
        raise cannot_write(said, cause, ConfigError) from cause
