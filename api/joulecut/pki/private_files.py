"""Files that hold secrets: made for their owner alone, never overwritten by accident, replaced at once."""

from __future__ import annotations

import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joulecut_core.documents import kept_mode, sync_folder
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock, SystemClock

SECRET = 0o600
"""Mode of keys."""
PUBLIC = 0o644
"""Mode of certificates."""
_PRIVATE_FOLDER = 0o700
_PARENT_FOLDER = 0o755
_PATIENCE_S = 60.0
"""A renewal of many folders takes seconds."""
_LOOK_S = 0.05


@contextmanager
def held_alone(folder: Path, clock: Clock | None = None) -> Iterator[None]:
    """One process after the other: within the context no other is within it for the same folder.

    Raises ConfigError where another one stays in it. A folder that is not there, or whose file system knows no locks,
    is held by nobody.
    """
    wall = clock or SystemClock()
    due_s = wall.now_s() + _PATIENCE_S
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        while not _locked(descriptor):
            if wall.now_s() >= due_s:
                raise ConfigError(f"{folder}: another `joulecut pki` works on it; try again once that has ended")
            wall.sleep_until_s(wall.now_s() + _LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


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


def write_new(contents: dict[Path, bytes], modes: dict[Path, int]) -> None:
    """Write files that are not there yet, in the order given: all of them or, where it is cut short, none.

    Raises ConfigError where one is there, and where one cannot be written. A file has its mode from its first byte on,
    whatever the umask lets through.
    """
    for path in contents:
        if os.path.lexists(path):
            raise ConfigError(f"{path}: exists; it is not overwritten: choose another folder, or remove it")
    replace_all(contents, modes)


def replace(path: Path, content: bytes, mode: int) -> None:
    """Put a file in the place of another at once: a reader sees the old one or the new one. Raises ConfigError."""
    replace_all({path: content}, {path: mode})


def replace_all(contents: dict[Path, bytes], modes: dict[Path, int]) -> None:
    """Replace several files, each at once, in the order given, and none before all are on the disk.

    Between two of them a reader may see files of both kinds, for as long as a rename takes: whoever reads a key and
    its certificate checks that they fit, and reads again. Owner and group stay, as far as this user may, and a group
    that was let in, without everybody, may read on. Raises ConfigError.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for path, content in contents.items():
            temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            written.append((temporary, path))
            _write(temporary, content, modes[path], _former(path))
        for temporary, path in written:
            temporary.replace(path)
        for folder in {path.parent for path in contents}:
            sync_folder(folder)
    except OSError as error:
        raise ConfigError(f"{written[-1][1]}: cannot be written: {error.strerror}") from error
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def _former(path: Path) -> os.stat_result | None:
    """The file that is to be replaced; None where there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _write(path: Path, content: bytes, mode: int, former: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as stream:
        kept = mode if former is None else kept_mode(descriptor, former)
        # An agent that is not root reads its key so. What everybody might read was left open by mistake.
        shared = 0 if kept & stat.S_IROTH else kept & stat.S_IRGRP
        os.fchmod(descriptor, mode | shared)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
