"""What the server is told beside the requests: which of the plans at hand its clock is to follow."""

from __future__ import annotations

import asyncio
import logging

from joulecut_core.errors import JoulecutError
from joulecut_core.timing import Clock
from joulecut_edge.peers.server_connection import ServerConnection

_LOG = logging.getLogger(__name__)

_ACTIVATE_S = 10.0


class Telling:
    """Tells servers of epochs, one at a time: of two, the server must not hear the older one last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._last: asyncio.Task[None] | None = None

    async def tell(self, connection: ServerConnection, epoch: int) -> None:
        """Return when the server follows this epoch. Raises what it refuses with, LinkError where it is lost."""
        await self.hush()
        async with self._turn:
            await self._activate(connection, epoch)
            # What was to be told meanwhile is of the plans before this one.
            await self.hush()

    def tell_soon(self, connection: ServerConnection, epoch: int) -> None:
        """Without waiting: requests under that epoch are answered at the clock of another one as well."""
        if self._last is not None:
            self._last.cancel()
        self._last = asyncio.create_task(self._tell_in_turn(connection, epoch))

    async def hush(self) -> None:
        """Give up what is being told without anybody waiting for it."""
        if self._last is not None:
            self._last.cancel()
            await asyncio.wait({self._last})

    async def _tell_in_turn(self, connection: ServerConnection, epoch: int) -> None:
        async with self._turn:
            try:
                await self._activate(connection, epoch)
            except JoulecutError as error:
                _LOG.info("the server could not follow to epoch %d: %s", epoch, error)

    async def _activate(self, connection: ServerConnection, epoch: int) -> None:
        timeout_s = _ACTIVATE_S + self._clock.wall_s(1.0)
        await connection.planner.activate(connection.session_id, epoch, timeout_s=timeout_s)
