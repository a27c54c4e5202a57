"""Turns for large echoes: one after the other, and most of the event loop's time stays with requests.

    echo made, written out, given to gRPC ─▶ others for twice as long ─▶ the next echo

Each of those steps copies megabytes while nobody else is answered, and takes fresh memory as long as callers do not
read what they asked for. An edge takes the wait off what it measures: it is part of the seconds that an echo tells.
"""

from __future__ import annotations

import asyncio

LARGE_BYTES = 1 << 20
"""Smaller ones take less than a reply to a request."""
_OTHERS = 2.0
"""Of what an echo takes: how long the next one is put off."""


class EchoTurns:
    """Used from one event loop only."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._next_s = 0.0

    async def next(self) -> None:
        """Return when one more echo may be made; its turn lasts until its task waits again."""
        loop = asyncio.get_running_loop()
        async with self._one:
            await asyncio.sleep(self._next_s - loop.time())
            # Called when the loop has its next turn, which is before another echo has one.
            loop.call_soon(self._made, loop.time())

    def _made(self, began_s: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self._next_s = now_s + _OTHERS * (now_s - began_s)
