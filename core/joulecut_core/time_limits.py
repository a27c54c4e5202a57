"""How long something may be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(work: Awaitable[T], limit_s: float | None) -> T:
    """What some work comes to within so many wall seconds, None: however many.

    Raises what it raises, asyncio.TimeoutError where it is ended by its time.

    Being cancelled always ends both: `asyncio.wait_for` of Python before 3.12 forgets that where the result is there.
    """
    working = asyncio.ensure_future(work)
    try:
        if limit_s is None or limit_s > 0.0:
            await asyncio.wait({working}, timeout=limit_s)
        if not working.done():
            raise asyncio.TimeoutError
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        # An error keeps its frames: with its task in one, all that these hold would wait for the garbage collector.
        del working, work
