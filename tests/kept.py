"""What takes seconds to make and tests of several processes need: made by the first that asks, read by the others.

The process that starts the others owns a folder for as long as the tests run, and tells it to them in its environment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

FOLDER = "JOULECUT_TESTS_KEPT"
"""The variable that names the folder."""

T = TypeVar("T")


def kept(name: str, make: Callable[[], T], *, write: Callable[[T, Path], object], read: Callable[[Path], T]) -> T:
    """What `make` gives, from the folder where a process has put it already; without a folder it is made anew.

    Whoever comes while it is being made waits. `write` gets a path at which nothing is yet.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return make()
    place = Path(folder) / name
    with place.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            return read(place)
        made = make()
        draft = place.with_name(f"{name}.draft")
        write(made, draft)
        draft.rename(place)
        return made
