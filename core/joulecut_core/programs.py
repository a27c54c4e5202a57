"""How every command-line program of the project ends: one clear line and a documented exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_core.exits import ExitCode, exit_code
from joulecut_core.extras import not_installed
from joulecut_core.logs import on_one_line

_LOG = logging.getLogger(__name__)
_WRONG_PATH = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR})
"""What starting again cannot mend."""
_NO_TEMPORARY = "No usable temporary directory"
"""So `tempfile` begins, without a file's name, where it can write in none."""


def run_program(program: Callable[[], object]) -> int:
    """Run `program` and return its exit status.

    An error that joulecut raises on purpose becomes one line on standard error and the exit code of
    its branch, and so do what the system says of a file by name and a library of an extra that is not installed;
    an interrupt ends quietly, with the status that shells give it. Anything else is a defect and keeps its traceback.
    """
    try:
        program()
    except JoulecutError as error:
        return _told(error)
    except OSError as error:
        if (error.strerror or "").startswith(_NO_TEMPORARY):
            return _told(JoulecutError(f"{error.strerror}; make room in one of them, or name another one as TMPDIR"))
        if not isinstance(error.filename, (str, bytes)):
            raise
        return _told(_of_file(error, error.filename))
    except ModuleNotFoundError as error:
        told = not_installed(error)
        if told is None:
            raise
        told.__cause__ = error
        return _told(told)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.OK)


def end_at_once(error: JoulecutError) -> NoReturn:
    """End this process as `run_program` would, waiting for no thread and for no library: they may hang."""
    status = _told(error)
    logging.shutdown()
    os._exit(status)


def _of_file(error: OSError, name: str | bytes) -> JoulecutError:
    said = f"{os.fsdecode(name)}: {error.strerror}"
    told = (
        ConfigError(f"{said}; give a path that this user can use")
        if error.errno in _WRONG_PATH
        else JoulecutError(f"{said}; look at that file and its disk, then start again")
    )
    told.__cause__ = error
    return told


def _told(error: JoulecutError) -> int:
    _LOG.debug("stopped by", exc_info=error)
    # None where whoever started this program has closed it: the exit code tells all the same.
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"error: {on_one_line(' '.join(str(error).split()))}\n")
        sys.stderr.flush()
    return int(exit_code(error))
