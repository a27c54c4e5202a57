"""Files for results, looked at before anything is measured or written: a slip of the hand is to cost neither."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from joulecut.long_work.output_folders import check_folder
from joulecut_core.errors import ConfigError


def check_file(option: str, file: Path) -> None:
    """Raise ConfigError, naming the option, where a result could not be written into a file."""
    if file.is_dir():
        raise ConfigError(f"{option} {file}: is a folder; expected a file")
    check_folder(option, file.absolute().parent)


def check_apart(option: str, out: Path | None, read: Iterable[Path | None], *, purpose: str) -> None:
    """Raise ConfigError, naming the option, where a result would take the place of a file that the command reads."""
    if out is None or (out.exists() and not out.is_file()):
        return
    if any(path is not None and same_place(path, out) for path in read):
        raise ConfigError(f"{option} {out}: is read as well; expected another file for {purpose}")


def same_place(one: Path, other: Path) -> bool:
    """Whether two paths lead to one place, there or not: links are followed, and one that leads nowhere is no error."""
    return os.path.realpath(one) == os.path.realpath(other)
