"""Where a bundle lies while it arrives: beside its place, held by the agent that fetches it.

    <parent>/.joulecut-bundle-<of its digest>-<random>/bundle/   what has come
    <parent>/.joulecut-bundle-<of its digest>-<random>/lock      locked until that agent ends, in whatever way it ends

A folder whose lock nobody holds was left by an agent that has ended: who wants the same bundle goes on with it. The
lock gets its name once it is held, so that no folder is taken for left while it is made. On a file system without locks
it gets none: only an agent that is killed leaves something there, and that stays.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from joulecut_core.documents import cannot_write, sync_folder
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_runtime.networks.bundle import MANIFEST_FILE

_LOG = logging.getLogger(__name__)

_PREFIX = ".joulecut-bundle-"
_LOCK = "lock"
_BUNDLE = "bundle"
_AGAIN_S, _TRIES = 0.02, 250
"""Five wall seconds in all, many times what removing a bundle takes."""
_KEPT_S = 86_400.0
"""How long what has come of another bundle may be of use: to an agent beside this one that is between two starts."""


def remove_leftovers(place: Path, digest: str) -> None:
    """Remove what agents that have ended left beside `place`: of this bundle, of none, and what is a day old.

    What is held, or is not this user's to remove, stays.
    """
    since_s = dt.datetime.now(dt.timezone.utc).timestamp() - _KEPT_S
    for path in place.parent.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            times_s = [each.stat().st_mtime for each in (path.parent / _BUNDLE).glob("*")]
            if not path.parent.name.startswith(_prefix(digest)) and max(times_s, default=0.0) > since_s:
                continue
            _LOG.info("removing %s, which an agent that has ended left", path.parent)
            _remove(path.parent)


@contextmanager
def arriving_bundle(place: Path, digest: str) -> Iterator[Path]:
    """A folder that `keep` can move to `place`, with what an agent that has ended left of the bundle, or empty.

    What is in it at the end is left for the next, where it can be told then that nobody holds it. An empty folder at
    `place` is removed at once. Raises ConfigError where nothing could be kept there, or nothing more in the meantime;
    JoulecutError where that is the disk's.
    """
    with ExitStack() as stack:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # What cannot be removed cannot be replaced either: mount points, files, folders that hold something.
            with suppress(FileNotFoundError):
                place.rmdir()
            left = _left(place, digest, stack)
            yield _made(place, digest, stack) if left is None else left
        except OSError as error:
            raise cannot_be_kept(place, error) from error


def held_bytes(arriving: Path) -> dict[str, int]:
    """How much has come so far, by file. Raises OSError."""
    return {path.name: path.stat().st_size for path in arriving.iterdir()}


def make_empty(arriving: Path) -> None:
    """Forget what has come so far. Raises OSError."""
    shutil.rmtree(arriving)
    arriving.mkdir()


async def append(arriving: Path, name: str, offset: int, data: bytes) -> None:
    """Write the next bytes of a file. Raises OSError; where the disk is full, what has come is forgotten by then.

    Agents that fill one disk together give up one after the other: the next one has the room of the one before.
    """
    try:
        _write(arriving / name, offset, data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    else:
        return
    descriptor = os.open(arriving.parent.parent, os.O_RDONLY)
    try:
        await _alone(descriptor)
        try:
            _write(arriving / name, offset, data)
        except OSError:
            make_empty(arriving)
            raise
    finally:
        os.close(descriptor)


def sync_files(arriving: Path) -> None:
    """Return once a power cut leaves the files as they are; to be called before `keep`. Raises OSError.

    Otherwise it may leave the name of the whole bundle over files without their bytes.
    """
    for path in arriving.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(arriving)


def keep(arriving: Path, place: Path) -> bool:
    """Move what has come to `place`; false where a bundle is there by now, which stays. Raises OSError."""
    try:
        arriving.rename(place)
    except OSError:
        if not (place / MANIFEST_FILE).exists():
            raise
        return False
    return True


def cannot_be_kept(place: Path, error: OSError) -> JoulecutError:
    """What the system has against a bundle at `place`, and what to do: a ConfigError where that is not the disk's."""
    reason, remedy = str(error), "give another folder, or let this user write beside it"
    if error.errno == errno.EBUSY:
        reason, remedy = "it is a mount point, which cannot be replaced", "give a folder inside it"
    elif error.errno == errno.ENOTEMPTY:
        reason, remedy = "it holds other files", "empty it, or give a folder that is not there yet"
    failure = cannot_write(f"bundle: cannot be kept in {place}: {reason}", error, ConfigError)
    return ConfigError(f"{failure}; {remedy}") if isinstance(failure, ConfigError) else failure


def _write(path: Path, offset: int, data: bytes) -> None:
    with path.open("ab") as stream:
        # What an attempt before has left beyond it.
        stream.truncate(offset)
        stream.write(data)


async def _alone(descriptor: int) -> None:
    """Return once no other agent holds the lock of an open folder, or has for too long."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_AGAIN_S)
        except OSError:  # a file system without locks
            return
        else:
            return


def _prefix(digest: str) -> str:
    """Of a digest of any form, as it stands in a configuration."""
    return f"{_PREFIX}{hashlib.sha256(digest.encode()).hexdigest()[:16]}-"


def _left(place: Path, digest: str, stack: ExitStack) -> Path | None:
    """What an agent of this user has left of the bundle, held from now on."""
    for path in place.parent.glob(f"{_prefix(digest)}*/{_LOCK}"):
        own, arriving = path.parent, path.parent / _BUNDLE
        with suppress(OSError), ExitStack() as trying:
            lock = trying.enter_context(path.open("r+b"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody else's could lead elsewhere; what was removed while the lock was waited for is nobody's.
            if own.lstat().st_uid == os.geteuid() and stat.S_ISDIR(own.lstat().st_mode) and arriving.is_dir():
                stack.push(trying.pop_all())
                stack.callback(_leave, own)
                return arriving
    return None


def _made(place: Path, digest: str, stack: ExitStack) -> Path:
    own = Path(tempfile.mkdtemp(dir=place.parent, prefix=_prefix(digest)))
    try:
        lock = stack.enter_context((own / f"{_LOCK}.new").open("xb"))
    except OSError:
        _remove(own)
        raise
    # While the lock is held: who goes on with it has it to himself.
    stack.callback(_leave, own)
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (own / f"{_LOCK}.new").rename(own / _LOCK)
    arriving = own / _BUNDLE
    arriving.mkdir()
    return arriving


def _leave(own: Path) -> None:
    """Leave what another agent can take for left, and remove what it cannot, or is nothing."""
    if not ((own / _LOCK).exists() and any((own / _BUNDLE).glob("*"))):
        _remove(own)


def _remove(own: Path) -> None:
    """Remove the lock last: whoever is killed here leaves a folder that the next agent removes."""
    shutil.rmtree(own / _BUNDLE, ignore_errors=True)
    shutil.rmtree(own, ignore_errors=True)
