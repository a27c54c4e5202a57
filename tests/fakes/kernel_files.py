"""Files that a fake kernel shows: read and replaced so often that what pathlib adds to a system call counts."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_MOST_BYTES = 4096
"""A page, which is all that a kernel's file holds."""


def put(path: Path, text: str) -> None:
    """Replace a file as the kernel would show it: at once, never half."""
    folder, name = os.path.split(path)
    fresh = f"{folder}/.{name}.{threading.get_ident()}"
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(opened, f"{text}\n".encode())
    finally:
        os.close(opened)
    os.replace(fresh, path)  # noqa: PTH105 - see above


def shown(path: Path) -> str | None:
    """What a file shows now; nothing where there is none, or none that can be read. Waits for no pipe's writer."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(opened, _MOST_BYTES).decode().strip()
    except OSError:  # a folder in the file's place
        return None
    finally:
        os.close(opened)
