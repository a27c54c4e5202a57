"""One keeper for a pool's folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_core.timing import SystemClock

LOCK_FILE = "keeper.lock"
_PROBE_S = 0.5
"""Far longer than `keeper_of` holds the lock."""
_AGAIN_S = 0.01


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """This process keeps the pool of that folder inside the context; the folder is made where it is missing.

    Raises ConfigError where somebody else keeps it, or nothing may be written there, JoulecutError where there is no
    room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what finds no room is met where it is written, and not again where the file is closed.
        lock = (folder / LOCK_FILE).open("ab", buffering=0)
    except OSError as error:
        raise _not_writable(folder, error) from error
    with lock:
        if not _locked(lock):
            raise ConfigError(
                f"pool.folder: {folder}: kept by process {_pid_in(folder)} already; end that with `joulecut pool down` "
                "or give each pool a folder of its own"
            )
        try:
            lock.truncate(0)
            lock.write(str(os.getpid()).encode("ascii"))
        except OSError as error:
            raise _not_writable(folder, error) from error
        yield


def keeper_of(folder: Path) -> int | None:
    """The process that keeps the pool of that folder, as its own host counts it; None where nobody does."""
    try:
        lock = (folder / LOCK_FILE).open("r", encoding="ascii")
    except OSError:
        return None
    with lock:
        try:
            # Shared: who else only asks is no keeper.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _pid_in(folder)
    return None


def end_keeper(folder: Path, pid: int) -> None:
    """Ask the process that keeps the pool of that folder to end.

    Raises ConfigError where that is another user's process, or none of this host: a folder may be shared between hosts
    and containers, and there the same number is anybody's.
    """
    try:
        if _has_open(pid, (folder / LOCK_FILE).stat()):
            os.kill(pid, signal.SIGTERM)
            return
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ConfigError(
            f"pool.folder: {folder}: kept by process {pid}, which is another user's; end it as that user"
        ) from error
    if keeper_of(folder) == pid:
        raise ConfigError(f"pool.folder: {folder}: kept by process {pid} of another host or container; end it there")


def _locked(lock: IO[bytes]) -> bool:
    """Whether the lock is this process's now. Who asks for the keeper holds it for a moment, which is waited for."""
    clock = SystemClock()
    until_s = clock.now_s() + _PROBE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if clock.now_s() >= until_s:
                return False
            clock.sleep_until_s(clock.now_s() + _AGAIN_S)
        else:
            return True


def _not_writable(folder: Path, error: OSError) -> JoulecutError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        # No wrong input: a keeper that is started again finds room one day.
        return JoulecutError(f"pool.folder: {folder}: {error.strerror}; make room there")
    return ConfigError(f"pool.folder: {folder}: {error.strerror}; give one that this user may write to")


def _has_open(pid: int, file: os.stat_result) -> bool:
    """Whether a process of this host has a file open. Raises PermissionError where this user may not know that."""
    try:
        found = list(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:
        return False
    for each in found:
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.path.samestat(file, each.stat()):
                return True
    return False


def _pid_in(folder: Path) -> int | None:
    text = (folder / LOCK_FILE).read_text(encoding="ascii").strip()
    return int(text) if text.isdecimal() else None
