"""Ctrl-C during long work: what is kept, and the command that goes on from there."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from joulecut.long_work.lost_interrupts import found_again
from joulecut_core.exits import ExitCode


@contextmanager
def interruptible(kept: Callable[[], str], *, needs: Sequence[str] = ()) -> Iterator[None]:
    """Work that an interrupt ends with status 130, after one line that says what is kept and how to go on.

    `kept`: what of the work is on disk, asked for when the interrupt comes. `needs`: options without which the same
    command would not go on.
    """
    try:
        with found_again():
            yield
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted: {kept()}; go on with: {again(needs)}\n")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None


def again(needs: Sequence[str] = ()) -> str:
    """This command as a shell takes it, with what it needs besides."""
    arguments = sys.argv[1:]
    more = [option for option in needs if option not in arguments]
    return shlex.join([Path(sys.argv[0]).name, *arguments, *more])
