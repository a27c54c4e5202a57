"""Plan epochs: integers that only rise, also across restarts, so that a stale plan is always recognised."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.documents import read_text, write_bytes
from joulecut_core.errors import ConfigError

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
        write_bytes(self._path, f"{self._last + 1}\n".encode())
        self._last += 1
        return self._last
