"""Plan epochs: integers that only rise, also across restarts, so that a stale plan is always recognised."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import IO

from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ConfigError, PlanError

_BLOCK = 1_000
"""Epochs that one write to the disk stands for: it takes milliseconds, and everybody waits for it."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOST_DIGITS = 18
"""More than any counter reaches, and still a 64-bit number on the wire."""


class EpochCounter:
    """Hands out epochs from blocks; a block's end is on disk before the first of the block is used.

    After a restart the next block begins: what was left of the one before is never used. Servers of one name and folder
    count in one file, each in blocks of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = self._kept = _noted(path)
        self._given = 0

    @property
    def last(self) -> int:
        """The epoch handed out last, 0 before the first of this process."""
        return self._given

    def check(self) -> None:
        """Raise ConfigError where this user may not keep epochs, so that there would never be a plan.

        Want of room is none: there may be some once a plan is asked for.
        """
        folder = self._path.parent
        try:
            with self._lock():
                pass
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            if error.errno not in _FULL:
                text = f"no epoch can be kept here: {error.strerror}; let this user write there, or name another folder"
                raise ConfigError(f"state: {folder}: {text}") from error

    def take(self, count: int) -> range:
        """So many new epochs in a row, each higher than any before. Raises PlanError where they cannot be kept."""
        if self._last + count > self._kept:
            try:
                self._begin_block(count)
            except OSError as error:
                text = f"epoch {self._last + 1} cannot be kept: {error.strerror}; no plan is given: make room there"
                raise PlanError(f"{self._path}: {text}") from error
        first = self._last + 1
        self._last = self._given = self._last + count
        return range(first, first + count)

    def _begin_block(self, count: int) -> None:
        with self._lock() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            noted = self._kept
            try:
                noted = max(noted, _noted(self._path))
            except ConfigError as error:
                # What was damaged meanwhile is written anew. What cannot be read now, as out of descriptors, may say
                # more than this server knows.
                if isinstance(error.__cause__, OSError):
                    raise error.__cause__ from error
            # Another server has begun a block behind this one's: what is left of it is not in a row with the next.
            last = self._last if noted == self._kept else noted
            end = last + max(count, _BLOCK)
            write_bytes(self._path, f"{end}\n".encode(), durable=True)
        self._last, self._kept = last, end

    def _lock(self) -> IO[str]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.with_suffix(".lock").open("a")


def _noted(path: Path) -> int:
    """The end of the last block, 0 before the first. Raises ConfigError where it cannot be known."""
    try:
        path.stat()
    except FileNotFoundError:
        return 0
    except OSError as error:
        text = f"no epoch can be looked for here: {error.strerror}; let this user enter it, or name another folder"
        raise ConfigError(f"{path.parent}: {text}") from error
    text = read_text(path, ConfigError).strip()
    if not (text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ConfigError(
            f"{path}: {text[:40]!r}; expected a whole number that no plan epoch is above: write one there, "
            "or delete the file and restart this server's edges"
        )
    return int(text)
