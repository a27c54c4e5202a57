"""Files for results, kept apart from what the same command reads: a slip of the hand is not to cost measurements."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from joulecut_core.errors import ConfigError


def check_apart(option: str, out: Path | None, read: Iterable[Path | None], *, purpose: str) -> None:
    """Raise ConfigError, naming the option, where a result would take the place of a file that the command reads."""
    if out is None or not out.is_file():
        return
    place = out.resolve()
    if any(path is not None and path.resolve() == place for path in read):
        raise ConfigError(f"{option} {out}: is read as well; expected another file for {purpose}")
