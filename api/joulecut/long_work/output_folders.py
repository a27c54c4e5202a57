"""Folders for results, looked at before the minutes that results take."""

from __future__ import annotations

import os
from pathlib import Path

from joulecut_core.errors import ConfigError


def check_folder(option: str, folder: Path) -> None:
    """Raise ConfigError, naming the option, where results could not be written into a folder, there or yet to be made.

    Nothing is left behind: whatever else is wrong with an order is found before anything is written.
    """
    missing = [each for each in (folder.absolute(), *folder.absolute().parents) if not each.exists()]
    try:
        if missing:
            missing[-1].mkdir()
            missing[-1].rmdir()
    except OSError as cause:
        raise ConfigError(f"{option} {folder}: cannot be made: {cause.strerror}; choose another folder") from cause
    if missing:
        return
    if not folder.is_dir():
        raise ConfigError(f"{option} {folder}: is a file; expected a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{option} {folder}: cannot be written; choose another folder, or change who may write there")
