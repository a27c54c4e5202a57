"""What stands around a command: a terminal that may not know every sign, a reader that may leave, a service manager."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import NoReturn

from joulecut.long_work.lost_interrupts import found_again
from joulecut_core.standard_output import run_and_flush


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
            run_and_flush(program)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt
