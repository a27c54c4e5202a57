"""The kernel's small text files: read whatever happens, written only where they are."""

import os
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from joulecut_core.errors import DeviceError

Step = tuple[Path, int | str]
"""A file and what it shall hold."""
Write = Callable[[Path, str], object]


def read(path: Path) -> str:
    """What a kernel file says; empty where it cannot be read."""
    for _ in range(25):
        try:
            if text := path.read_text(encoding="utf-8", errors="replace").strip("\0\n "):
                return text
        except OSError:
            break
        threading.Event().wait(0.001)  # outside a kernel, a file is empty while somebody replaces its text
    return ""


def numbers(path: Path, unit: int = 1) -> list[int]:
    """The whole numbers in a kernel file but 0, ascending, times `unit`."""
    return sorted({int(number) * unit for number in re.findall(r"\d+", read(path))} - {0})


def limits(folder: Path, kind: str = "") -> tuple[int, int]:
    """The lowest and the highest clock that a folder of cpufreq or devfreq allows; 0 where it tells none."""
    low, high = (max(numbers(folder / f"{kind}{end}_freq"), default=0) for end in ("min", "max"))
    return low, high


def write(path: Path, text: str) -> None:
    """Replace the text of a file that is there: none is made, and no link in its place is followed."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "w") as stream:
        stream.write(text)


def put(key: str, steps: Iterable[Step], write: Write) -> None:
    """Write what a file does not hold yet, in order, all of it whatever fails. DeviceError names what failed."""
    failures = []
    for path, value in steps:
        try:
            if read(path) != str(value):
                write(path, str(value))
        except OSError as error:
            failures.append(f"{path.parent.name}/{path.name} = {value}: {error.strerror}")
    if failures:
        raise DeviceError(f"{key}: {'; '.join(failures)}; it takes root, or joulecut-clockd, and the driver")


def limiting(folder: Path, low: int, high: int, kind: str = "") -> list[Step]:
    """The two writes in the order in which the limits never cross, which old kernels refuse. A highest of 0 is none."""
    steps: list[Step] = [(folder / f"{kind}max_freq", high), (folder / f"{kind}min_freq", low)]
    return steps[::-1] if 0 < high < limits(folder, kind)[0] else steps
