"""How every command-line program of the project ends: one clear line and a documented exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from joulecut_core.errors import JoulecutError
from joulecut_core.exits import ExitCode, exit_code
from joulecut_core.logs import on_one_line

_LOG = logging.getLogger(__name__)


def run_program(program: Callable[[], object]) -> int:
    """Run `program` and return its exit status.

    An error that joulecut raises on purpose becomes one line on standard error and the exit code of
    its branch; an interrupt ends quietly, with the status that shells give it. Anything else is a defect
    and keeps its traceback.
    """
    try:
        program()
    except JoulecutError as error:
        return _told(error)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.OK)


def end_at_once(error: JoulecutError) -> NoReturn:
    """End this process as `run_program` would, waiting for no thread and for no library: they may hang."""
    status = _told(error)
    logging.shutdown()
    os._exit(status)


def _told(error: JoulecutError) -> int:
    _LOG.debug("stopped by", exc_info=error)
    # None where whoever started this program has closed it: the exit code tells all the same.
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"error: {on_one_line(' '.join(str(error).split()))}\n")
        sys.stderr.flush()
    return int(exit_code(error))
