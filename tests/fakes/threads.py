"""A host that has no thread left for a moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_thread_left() -> Iterator[None]:
    """No thread can be started inside the block."""
    with pytest.MonkeyPatch.context() as full:
        full.setattr(threading.Thread, "start", _refuse)
        yield


def _refuse(thread: threading.Thread) -> None:
    del thread
    raise RuntimeError("can't start new thread")
