"""Requests that lost their server, and what they may go on with."""

from __future__ import annotations

import asyncio

from joulecut_edge.requests.footing import InForce


class Successors:
    """Requests that lost their server, and wait for another one. Used from the event loop only."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[InForce | None]] = set()

    async def wait(self, timeout_wall_s: float) -> InForce | None:
        """What comes into force next with a server; None where nothing does in that time, or nothing will."""
        waiting: asyncio.Future[InForce | None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await asyncio.wait({waiting}, timeout=timeout_wall_s)
            return waiting.result() if waiting.done() else None
        finally:
            self._waiting.discard(waiting)

    def tell(self, found: InForce | None) -> None:
        """Let everybody go on: with what was found, or, for None, alone."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(found)
