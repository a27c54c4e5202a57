"""Where a bundle lies while it arrives: beside its place, held by the agent that fetches it.

    <parent>/.joulecut-bundle-<random>/bundle/   what has come
    <parent>/.joulecut-bundle-<random>/lock      locked until that agent ends, in whatever way it ends

A folder whose lock nobody holds was left by an agent that was killed. The lock gets its name once it is held, so that
no folder is taken for left while it is made. On a file system without locks it gets none, and what is left there stays.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from joulecut_core.documents import sync_folder
from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.bundle import MANIFEST_FILE

_LOG = logging.getLogger(__name__)

_PREFIX = ".joulecut-bundle-"
_LOCK = "lock"
_BUNDLE = "bundle"


def remove_leftovers(place: Path) -> None:
    """Remove what killed agents have left beside `place`; what is held, or is not this user's to remove, stays."""
    for path in place.parent.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _LOG.info("removing %s, which an agent that was killed has left", path.parent)
            _remove(path.parent)


@contextmanager
def arriving_bundle(place: Path) -> Iterator[Path]:
    """An empty folder that `keep` can move to `place`; whatever is still in it at the end is removed.

    An empty folder at `place` is removed at once. Raises ConfigError where nothing could be kept there.
    """
    with ExitStack() as stack:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # What cannot be removed cannot be replaced either: mount points, files, folders that hold something.
            with suppress(FileNotFoundError):
                place.rmdir()
            own = Path(tempfile.mkdtemp(dir=place.parent, prefix=_PREFIX))
            stack.callback(_remove, own)
            lock = stack.enter_context((own / f"{_LOCK}.new").open("xb"))
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (own / f"{_LOCK}.new").rename(own / _LOCK)
            arriving = own / _BUNDLE
            arriving.mkdir()
        except OSError as error:
            raise cannot_be_kept(place, error) from error
        yield arriving


def make_empty(arriving: Path) -> None:
    """Forget what has come so far. Raises OSError."""
    shutil.rmtree(arriving)
    arriving.mkdir()


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


def cannot_be_kept(place: Path, error: OSError) -> ConfigError:
    """What the system has against a bundle at `place`, and what to do."""
    reason, remedy = str(error), "give another folder, or make room and let this user write beside it"
    if error.errno == errno.EBUSY:
        reason, remedy = "it is a mount point, which cannot be replaced", "give a folder inside it"
    elif error.errno == errno.ENOTEMPTY:
        reason, remedy = "it holds other files", "empty it, or give a folder that is not there yet"
    return ConfigError(f"bundle: cannot be kept in {place}: {reason}; {remedy}")


def _remove(own: Path) -> None:
    """Remove the lock last: whoever is killed here leaves a folder that the next agent removes."""
    shutil.rmtree(own / _BUNDLE, ignore_errors=True)
    shutil.rmtree(own, ignore_errors=True)
