"""What ends a stretch of quiet offloading."""

from __future__ import annotations

import asyncio
from enum import Enum

from joulecut_edge.peers.server_connection import ServerConnection


class Turn(Enum):
    """Why something has to be done about the connection in use."""

    LOST = "lost"
    LEAVING = "leaving"
    OLD = "old"
    LOOK = "look"
    """Nothing has happened: time to look for a server that is preferred."""


async def next_turn(connection: ServerConnection, *, renew_at_s: float, look_s: float) -> Turn:
    """Wait for what comes next; `renew_at_s`: of the event loop's time, `look_s`: of the wall from now."""
    loop = asyncio.get_running_loop()
    lost = asyncio.ensure_future(connection.lost.wait())
    leaving = asyncio.ensure_future(connection.leaving.wait())
    try:
        left_s = max(0.0, renew_at_s - loop.time())
        await asyncio.wait({lost, leaving}, timeout=min(left_s, look_s), return_when=asyncio.FIRST_COMPLETED)
    finally:
        lost.cancel()
        leaving.cancel()
    if connection.lost.is_set():
        return Turn.LOST
    if connection.leaving.is_set():
        return Turn.LEAVING
    return Turn.OLD if loop.time() >= renew_at_s else Turn.LOOK
