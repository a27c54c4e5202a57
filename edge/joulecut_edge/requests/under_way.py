"""Requests that have no answer yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """Requests that have no answer yet. Used from the event loop only."""

    def __init__(self) -> None:
        self._requests: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._requests)

    @contextmanager
    def one(self) -> Iterator[None]:
        """A request is under way inside the context."""
        request: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests.add(request)
        try:
            yield
        finally:
            self._requests.discard(request)
            if not request.done():
                request.set_result(None)

    async def over(self) -> None:
        """Wait until all that are under way now have ended; those that begin meanwhile do not count."""
        if self._requests:
            await asyncio.wait(tuple(self._requests))
