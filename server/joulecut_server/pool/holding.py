"""One keeper for a pool's folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_core.errors import ConfigError

LOCK_FILE = "keeper.lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """This process keeps the pool of that folder inside the context; the folder is made where it is missing.

    Raises ConfigError where somebody else keeps it, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"pool.folder: {folder}: {error.strerror}; give one that this user may write to") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"pool.folder: {folder}: kept by process {_pid_in(folder)} already; end that with `joulecut pool down` "
                "or give each pool a folder of its own"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def keeper_of(folder: Path) -> int | None:
    """The process that keeps the pool of that folder on this host; None where nobody does."""
    try:
        lock = (folder / LOCK_FILE).open("r", encoding="ascii")
    except OSError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return _pid_in(folder)
    return None


def _pid_in(folder: Path) -> int | None:
    text = (folder / LOCK_FILE).read_text(encoding="ascii").strip()
    return int(text) if text.isdecimal() else None
