"""Plan epochs: integers that only rise, also across restarts, so that a stale plan is always recognised."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ConfigError, PlanError

_BLOCK = 1_000
"""Epochs that one write to the disk stands for: it takes milliseconds, and everybody waits for it."""
_MOST_DIGITS = 18
"""More than any counter reaches, and still a 64-bit number on the wire."""


class EpochCounter:
    """Hands out epochs from blocks; a block's end is on disk before the first of the block is used.

    After a restart the next block begins: what was left of the one before is never used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0
        if path.exists():
            text = read_text(path, ConfigError).strip()
            if not (text.isdecimal() and len(text) <= _MOST_DIGITS):
                raise ConfigError(
                    f"{path}: {text[:40]!r}; expected a whole number that no plan epoch is above: write one there, "
                    "or delete the file and restart this server's edges"
                )
            self._last = int(text)
        self._kept = self._last
        self._given = 0

    @property
    def last(self) -> int:
        """The epoch handed out last, 0 before the first of this process."""
        return self._given

    def take(self, count: int) -> range:
        """So many new epochs in a row, each higher than any before. Raises PlanError where they cannot be kept."""
        first, last = self._last + 1, self._last + count
        if last > self._kept:
            self._keep(self._last + max(count, _BLOCK))
        self._last = self._given = last
        return range(first, last + 1)

    def _keep(self, end: int) -> None:
        try:
            write_bytes(self._path, f"{end}\n".encode(), durable=True)
        except OSError as error:
            text = f"epoch {self._last + 1} cannot be kept: {error.strerror}; no plan is given: make room there"
            raise PlanError(f"{self._path}: {text}") from error
        self._kept = end
