"""Folders for results, looked at before the minutes that results take."""

from __future__ import annotations

import os
from pathlib import Path

from joulecut_core.errors import ConfigError


def check_folder(option: str, folder: Path) -> None:
    """Make the folder where it is missing. Raises ConfigError, naming the option, where nothing could be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise ConfigError(f"{option} {folder}: cannot be made: {cause.strerror}; choose another folder") from cause
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{option} {folder}: cannot be written; choose another folder, or change who may write there")
