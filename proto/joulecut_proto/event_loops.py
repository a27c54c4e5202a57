"""The event loop that agents run on: uvloop's, on which a message of gRPC is there in two thirds of asyncio's time."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do some work on a loop of its own, as `asyncio.run` does; its clock and timers count whole milliseconds."""
    return uvloop.run(work)
