"""Files that hold secrets: made for their owner alone, never overwritten by accident, replaced at once."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from joulecut_core.errors import ConfigError

SECRET = 0o600
"""Mode of keys."""
PUBLIC = 0o644
"""Mode of certificates."""
_PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner alone; one that is there is left as it is. Raises ConfigError."""
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}; choose another folder") from error


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet. Raises ConfigError where it is, and where it cannot be written.

    The file has its mode from its first byte on, whatever the umask lets through.
    """
    try:
        _write(path, content, mode)
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
