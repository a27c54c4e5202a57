"""Standard output that cannot be written, which is no program's defect: a reader that has left, a full disk."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from joulecut_core.errors import JoulecutError
from joulecut_core.exits import ExitCode

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def run_and_flush(program: Callable[[], object]) -> None:
    """Run `program` and write what it has said.

    A reader that has gone away ends it quietly with status 1. Raises JoulecutError where there is no room for what it
    says.
    """
    try:
        try:
            program()
        finally:
            # Here, where it can still be told: at the interpreter's end nobody would.
            if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - where it was closed by whoever started us
                sys.stdout.flush()
    except BrokenPipeError:
        _say_nothing_more()
        raise SystemExit(int(ExitCode.FAILED)) from None
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _say_nothing_more()
        raise JoulecutError(
            f"standard output: cannot be written: {error.strerror}; make room, or send it elsewhere"
        ) from error


def _say_nothing_more() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
