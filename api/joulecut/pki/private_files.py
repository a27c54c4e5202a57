"""Files that hold secrets: made for their owner alone, never overwritten by accident, replaced at once."""

from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path

from joulecut_core.documents import sync_folder
from joulecut_core.errors import ConfigError

SECRET = 0o600
"""Mode of keys."""
PUBLIC = 0o644
"""Mode of certificates."""
_PRIVATE_FOLDER = 0o700
_PARENT_FOLDER = 0o755


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner alone, under any umask. One that is there keeps its mode.

    Raises ConfigError where it cannot be made, is a link, or where others may write: they could put keys of their own
    in the place of what is kept there.
    """
    try:
        for parent in reversed(folder.parents):
            if not parent.exists():
                parent.mkdir(mode=_PARENT_FOLDER)
        try:
            folder.mkdir(mode=_PRIVATE_FOLDER)
        except FileExistsError:
            found = folder.lstat().st_mode
        else:
            folder.chmod(_PRIVATE_FOLDER)
            return
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}; choose another folder") from error
    if not stat.S_ISDIR(found):
        raise ConfigError(f"{folder}: a link or a file; give the folder itself")
    if found & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{folder}: others may write into it; run `chmod 700` on it, or choose another folder")


def append(path: Path, text: str) -> None:
    """Add to a file that only its owner may write, made if missing. Raises ConfigError, also where it is a link."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, PUBLIC)
        with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
            os.fchmod(descriptor, PUBLIC)
            stream.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet. Raises ConfigError where it is, and where it cannot be written.

    The file has its mode from its first byte on, whatever the umask lets through.
    """
    try:
        _write(path, content, mode)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists; it is not overwritten: choose another folder, or remove it") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def replace(path: Path, content: bytes, mode: int) -> None:
    """Put a file in the place of another at once: a reader sees the old one or the new one. Raises ConfigError."""
    replace_all({path: content}, {path: mode})


def replace_all(contents: dict[Path, bytes], modes: dict[Path, int]) -> None:
    """Replace several files, each at once, in the order given, and none before all are on the disk.

    Between two of them a reader may see files of both kinds, for as long as a rename takes: whoever reads a key and
    its certificate checks that they fit, and reads again. Raises ConfigError.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for path, content in contents.items():
            temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            written.append((temporary, path))
            _write(temporary, content, modes[path])
        for temporary, path in written:
            temporary.replace(path)
        for folder in {path.parent for path in contents}:
            sync_folder(folder)
    except OSError as error:
        raise ConfigError(f"{written[-1][1]}: cannot be written: {error.strerror}") from error
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
