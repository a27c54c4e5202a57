"""Read and write the project's JSON and TOML files: duplicates refused, writes never half done, changes noticed."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from joulecut_core.decoding import WHOLE_NUMBERS, join
from joulecut_core.errors import JoulecutError
from joulecut_core.strict_json import parse_strictly

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


FileState: TypeAlias = tuple[int, int, int, int]
"""What `file_state` gives."""
_MOST_CHARACTERS = 256 << 20
"""Many times the largest document there is: what never ends, as a device does, is not read for ever."""
_PIECE_CHARACTERS = 1 << 16
_MOST_KEY_PARTS = 64
_OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""What is no fault of a path: the same order may do another day."""
_TOML_BORDER = re.compile(r"[\n,=\[\]{}]")
_KEY_DOT = re.compile(r"[\w\"'-][ \t]*\.(?=[ \t]*[\w\"'-])")


def read_text(path: Path, error: type[JoulecutError]) -> str:
    """The file's text; raises `error` where it is missing, a folder, unreadable, too long or not UTF-8."""
    try:
        with path.open(encoding="utf-8") as stream:
            # By the piece: room for all that is asked for is made before the first byte is read.
            pieces = iter(lambda: stream.read(_PIECE_CHARACTERS), "")
            text = "".join(islice(pieces, _MOST_CHARACTERS // _PIECE_CHARACTERS + 1))
    except FileNotFoundError as cause:
        raise error(f"{path}: no such file") from cause
    except IsADirectoryError as cause:
        raise error(f"{path}: is a folder; expected a file") from cause
    # ValueError: no text in UTF-8, or a path that no file can have.
    except (OSError, ValueError) as cause:
        raise error(f"{path}: cannot be read: {cause}") from cause
    if len(text) > _MOST_CHARACTERS:
        raise error(f"{path}: longer than {_MOST_CHARACTERS} characters; expected a document")
    return text


def parse_json(text: str, error: type[JoulecutError], source: str) -> Any:
    """Parsed JSON for readers without a dataclass: duplicate keys, NaN and infinities are refused."""
    return parse_strictly(text, error, source, constants=False)


def read_json(path: Path, error: type[JoulecutError]) -> Any:
    """The parsed JSON file, to be decoded strictly: duplicate keys are refused, NaN is left to the decoder."""
    return parse_strictly(read_text(path, error), error, str(path))


def read_toml(path: Path, error: type[JoulecutError]) -> Mapping[str, Any]:
    """The parsed TOML file; raises `error` where it is not TOML."""
    return parse_toml(read_text(path, error), error, str(path))


def parse_toml(text: str, error: type[JoulecutError], source: str) -> Mapping[str, Any]:
    """Parsed TOML; raises `error`, beginning with `source`, where it is none or holds what nothing can use."""
    # The parser takes minutes over a key of some thousand parts.
    parts = 1 + max(len(_KEY_DOT.findall(piece)) for piece in _TOML_BORDER.split(text))
    if parts > _MOST_KEY_PARTS:
        raise error(f"{source}: a key of {parts} parts; expected at most {_MOST_KEY_PARTS}")
    try:
        document: Mapping[str, Any] = tomllib.loads(text)
    # ValueError: no TOML, or a number of more digits than Python reads.
    except (ValueError, RecursionError) as cause:
        raise error(f"{source}: not TOML: {cause}") from cause
    for path, value in _leaves(document):
        # Python reads longer ones where they are hexadecimal, and fails where it is to show them.
        if isinstance(value, int) and value not in WHOLE_NUMBERS:
            raise error(f"{source}: {path}: a whole number beyond 64 bits; expected a smaller one")
        # No path and no address has one, and the system's calls fail on it.
        if isinstance(value, str) and "\0" in value:
            raise error(f"{source}: {path}: {value[:80]!r}: holds the character NUL; expected text without it")
    return document


def _leaves(document: object) -> Iterator[tuple[str, object]]:
    """What is no table and no list, each with its path."""
    values = [("", document)]
    while values:
        path, value = values.pop()
        if isinstance(value, dict):
            values.extend((join(path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            values.extend((f"{path}[{index}]", item) for index, item in enumerate(value))
        else:
            yield path, value


def write_json(path: Path, document: object, *, durable: bool = False) -> None:
    """Write JSON as `write_bytes` does. Refuses NaN."""
    write_bytes(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace the file's content so that a reader sees the old file or the new one, never a part.

    Missing folders are made. Where a link leads to a file, that is replaced and the link stays; a pipe or a device, and
    an open file as /dev/stdout may be one, is written to, at its end. Who may read and write the old file may the new
    one, also where root writes what is another user's. `durable`: return only once a power cut leaves the new one,
    which takes milliseconds; otherwise it may leave the old one, or an empty one.
    """
    if path.exists() and (_is_open_file(path) or not path.is_file()):
        with path.open("ab") as stream:
            stream.write(content)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    former = path.stat() if path.exists() else None
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    first_mode = 0o666 if former is None else 0o600
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, first_mode)) as stream:
            if former is not None:
                os.fchmod(stream.fileno(), kept_mode(stream.fileno(), former))
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def kept_mode(descriptor: int, former: os.stat_result) -> int:
    """Give an open file the owner and group of `former`, which it replaces, as far as this user may; the mode to set.

    That is the former one. Where the group is another, it may no more than everybody might: what one group was trusted
    with is not for the next.
    """
    # Who is not root may give a file to a group of his own, and to nobody.
    for owner in (former.st_uid, -1):
        with suppress(OSError):
            os.fchown(descriptor, owner, former.st_gid)
            break
    mode = stat.S_IMODE(former.st_mode)
    if os.fstat(descriptor).st_gid == former.st_gid:
        return mode
    return mode & (~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3)


def _is_open_file(path: Path) -> bool:
    """Whether it stands for a file that a process has open, whatever that is: others write to it too."""
    while path.is_symlink():
        if Path(os.path.realpath(path.parent)).match("/proc/*/fd"):
            return True
        path = path.parent / path.readlink()
    return False


def file_state(path: Path) -> FileState | None:
    """Changes whenever the file does, or who may read it; None while it is not there.

    A file that was copied with the wrong owner is to be read again once that is mended, which changes no content.
    """
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_ino, now.st_mtime_ns, now.st_ctime_ns, now.st_size


def cannot_write(said: str, cause: OSError, error: type[JoulecutError], *, remedy: str = "") -> JoulecutError:
    """What to raise where a file could not be written: `error`, with `remedy`, or a JoulecutError where it is the disk.

    A service manager tries again after a JoulecutError, and not after one that says that the order is wrong.
    """
    if cause.errno in _OF_DISKS:
        return JoulecutError(f"{said}; make room there, or look at that disk")
    return error(f"{said}; {remedy}" if remedy else said)


def sync_folder(folder: Path) -> None:
    """Return once a power cut leaves the names in it as they are: a file's own sync says nothing of its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
