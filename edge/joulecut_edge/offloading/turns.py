"""What ends a stretch of quiet offloading, or some work within it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum

from joulecut_edge.peers.server_connection import ServerConnection


class Turn(Enum):
    """Why something has to be done about the connection in use."""

    LOST = "lost"
    LEAVING = "leaving"
    SILENT = "silent"
    OLD = "old"
    LOOK = "look"
    """Nothing has happened: time to look for a server that is preferred."""


async def next_turn(connection: ServerConnection, *, renew_at_s: float, look_s: float) -> Turn:
    """Wait for what comes next; `renew_at_s`: of the event loop's time, `look_s`: of the wall from now."""
    loop = asyncio.get_running_loop()
    signs = [asyncio.ensure_future(each.wait()) for each in (connection.lost, connection.leaving, connection.silent)]
    try:
        left_s = max(0.0, renew_at_s - loop.time())
        await asyncio.wait(signs, timeout=min(left_s, look_s), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for sign in signs:
            sign.cancel()
    if connection.lost.is_set():
        return Turn.LOST
    if connection.leaving.is_set():
        return Turn.LEAVING
    if connection.silent.is_set():
        return Turn.SILENT
    return Turn.OLD if loop.time() >= renew_at_s else Turn.LOOK


async def unless(work: Coroutine[None, None, None], *signs: asyncio.Event) -> None:
    """Do some work, and raise what it raises; a sign that comes first ends it, and what it raises then is dropped."""
    working = asyncio.create_task(work)
    waits = [asyncio.create_task(sign.wait()) for sign in signs]
    try:
        await asyncio.wait([working, *waits], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for wait in waits:
            wait.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        del working  # an error keeps its frames, and must not be kept by them
