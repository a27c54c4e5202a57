"""What stands around a command: a terminal that may not know every sign, a reader that may leave, a service manager."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn

from joulecut.long_work.lost_interrupts import found_again
from joulecut_core.errors import JoulecutError
from joulecut_core.exits import ExitCode

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def run_surrounded(program: Callable[[], object]) -> None:
    """Run `program` so that what happens around it is no defect of it. To be called from the main thread.

    Signs that standard output cannot write become question marks; SIGTERM and the terminal's end end it as Ctrl-C
    does; a reader that has gone away ends it quietly with status 1. Raises JoulecutError where there is no room for
    what it says.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt)}
    # Not under nohup.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _interrupt)
    try:
        with found_again():
            _run_and_flush(program)
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
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_and_flush(program: Callable[[], object]) -> None:
    try:
        program()
    finally:
        # Here, where it can still be told: at the interpreter's end nobody would.
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - where it was closed by whoever started us
            sys.stdout.flush()


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _say_nothing_more() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
