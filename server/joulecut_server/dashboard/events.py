"""Server-sent events: each look at the board, to as many readers as there are places for."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from joulecut_core.errors import AccessError
from joulecut_core.time_limits import within
from joulecut_proto.security.identity import Identity
from joulecut_server.dashboard.board import Board
from joulecut_server.dashboard.visitors import READER, Admit

MOST_READERS = 16
_MOST_OF_ONE = 2
"""Of one edge, where edges read at all; edges together have half of the places, so that operators have theirs."""
_POLL_S = 0.25
_PATIENCE_S = 10.0
"""A reader that does not take an event for so long is cut off."""


class Events:
    """An ASGI application. A reader that is slower than a second skips looks; it never holds any back."""

    def __init__(self, board: Board, *, admit: Admit, most: int = MOST_READERS) -> None:
        """`admit` is asked before each event: rules change, and certificates end."""
        self._board = board
        self._admit = admit
        self._most = most
        self._readers = 0
        self._edges: Counter[Identity] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One reader, until it leaves."""
        edge: Identity | None = scope.get(READER)
        if not self._has_room(edge):
            refused = PlainTextResponse("too many readers; try again later\n", status_code=503)
            await refused(scope, receive, send)
            return
        self._count(edge, 1)
        left = asyncio.create_task(_left(receive))
        try:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._tell(scope, send, left)
        finally:
            self._count(edge, -1)
            left.cancel()
            with suppress(asyncio.CancelledError):
                await left

    def _has_room(self, edge: Identity | None) -> bool:
        if edge is not None and (self._edges[edge] >= _MOST_OF_ONE or self._edges.total() >= self._most // 2):
            return False
        return self._readers < self._most

    def _count(self, edge: Identity | None, more: int) -> None:
        self._readers += more
        if edge is not None:
            self._edges[edge] += more
            self._edges += Counter()  # forgets who has none

    async def _tell(self, scope: Scope, send: Send, left: asyncio.Task[None]) -> None:
        told = 0
        while not left.done() and not self._board.closed:
            published = self._board.published
            if published.number == told:
                await asyncio.wait({left}, timeout=_POLL_S)
                continue
            try:
                reader = self._admit(scope)
            except AccessError:
                break  # the page comes back, and is answered with the reason
            told = published.number
            self._board.visited()
            event = b"id: %d\ndata: %b\n\n" % (told, published.told(reader))
            try:
                await within(send({"type": "http.response.body", "body": event, "more_body": True}), _PATIENCE_S)
            except asyncio.TimeoutError:
                # Its connection is closed with this; there is no point in an end that it would not take either.
                return
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
