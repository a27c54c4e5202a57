"""Plan epochs: integers that only rise, also across restarts, so that a stale plan is always recognised."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ConfigError, PlanError

_MOST_DIGITS = 18
"""More than any counter reaches, and still a 64-bit number on the wire."""


class EpochCounter:
    """Hands out epochs; the last one is on disk before it is used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0
        if path.exists():
            text = read_text(path, ConfigError).strip()
            if not (text.isdecimal() and len(text) <= _MOST_DIGITS):
                raise ConfigError(
                    f"{path}: {text[:40]!r}; expected the last plan epoch, a whole number: delete the file"
                )
            self._last = int(text)

    @property
    def last(self) -> int:
        """The epoch handed out last; 0 before the first."""
        return self._last

    def next(self) -> int:
        """A new epoch, higher than any before."""
        return self.take(1)[0]

    def take(self, count: int) -> range:
        """So many new epochs in a row, each higher than any before. Raises PlanError where they cannot be kept."""
        first, last = self._last + 1, self._last + count
        try:
            write_bytes(self._path, f"{last}\n".encode())
        except OSError as error:
            raise PlanError(
                f"{self._path}: epoch {last} cannot be kept: {error.strerror}; no plan is given: make room there"
            ) from error
        self._last = last
        return range(first, last + 1)
