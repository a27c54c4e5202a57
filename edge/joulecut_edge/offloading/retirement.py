"""Connections that carry no new requests: each is closed once its last answer is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from joulecut_core.errors import JoulecutError
from joulecut_core.time_limits import within
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.requests.session import EdgeSession

_LOG = logging.getLogger(__name__)

_LONGEST_S = 60.0
"""Wall seconds that a connection without new requests is kept."""
_RELEASE_S = 1.0

IsLeft = Callable[[ServerConnection], bool]
"""Whether the edge uses another server by now."""


class Retirement:
    """Runs a task for each connection on its way out. Used from the event loop only."""

    def __init__(self, session: EdgeSession, session_id: str) -> None:
        self._session = session
        self._session_id = session_id
        self._tasks: dict[asyncio.Task[None], ServerConnection] = {}
        self.dropped = 0
        """Replies on connections that are closed by now which nobody waited for."""

    def retire(self, connection: ServerConnection, *, is_left: IsLeft | None = None) -> None:
        """Let its requests end, then close it; its server is told to forget this edge where `is_left` says so.

        None where the server stops: it forgets by itself.
        """
        self._start(self._end(connection, is_left), connection)

    def succeed(
        self,
        old: ServerConnection,
        new: ServerConnection,
        *,
        planned: Callable[[], Awaitable[None]],
        plan_again: Callable[[], Awaitable[None]],
    ) -> None:
        """Close `old` once `new`, to the same server, has been heard, and what is `planned` over `old` has come.

        A server gives a session up with the last stream it heard it on. An edge that has nothing to send on the new
        one until the old one must go plans again, with `plan_again`.
        """
        self._start(self._hand_over(old, new, planned, plan_again), old)

    def undo(
        self, connection: ServerConnection, before: ServerConnection | None, *, is_same: bool = False
    ) -> Awaitable[None]:
        """Close one that was to take the place of `before`, if there was one, though requests may go there already.

        Goes on where whoever waits for it is cancelled. Where the connection reaches another server, whose plan may be
        in force by then, `before` counts as lost, to be joined again.
        """
        return asyncio.shield(self._start(self._undo(connection, before, is_same=is_same), connection))

    def bury(self, connection: ServerConnection) -> Awaitable[None]:
        """Close one that is lost. Goes on where whoever waits for it is cancelled."""
        return asyncio.shield(self._start(self._bury(connection), connection))

    async def close(self) -> None:
        """Close all that are left, at once."""
        left = dict(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for connection in left.values():
            await connection.close()

    async def _bury(self, connection: ServerConnection) -> None:
        await connection.close()
        self.dropped += connection.dropped

    async def _undo(self, connection: ServerConnection, before: ServerConnection | None, *, is_same: bool) -> None:
        try:
            if is_same and before is not None:
                await self._session.replace_remote(connection, before)
            elif await self._went_local(connection) and before is not None:
                before.lost.set()
        finally:
            await self._bury(connection)

    async def _went_local(self, connection: ServerConnection) -> bool:
        """Whether its plan was in force; it is so no more, even where a sick device refuses the local plan's part."""
        try:
            return await self._session.go_local(only_from=connection)
        except Exception as error:  # noqa: BLE001 - whatever the device says: the server is left
            _LOG.warning("server %s: given up, but the local plan: %s", connection.address, error)
            return True

    async def _end(self, connection: ServerConnection, is_left: IsLeft | None) -> None:
        with suppress(asyncio.TimeoutError):
            await within(self._session.under_way_over(), _LONGEST_S)
        if is_left is not None and is_left(connection):
            with suppress(JoulecutError):
                await connection.planner.release(self._session_id, timeout_s=_RELEASE_S)
        await self._bury(connection)

    async def _hand_over(
        self,
        old: ServerConnection,
        new: ServerConnection,
        planned: Callable[[], Awaitable[None]],
        plan_again: Callable[[], Awaitable[None]],
    ) -> None:
        for ends in (self._session.under_way_over, planned):
            with suppress(asyncio.TimeoutError):
                await within(ends(), _LONGEST_S)
        signs = [asyncio.ensure_future(sign.wait()) for sign in (new.heard, new.lost, old.lost)]
        try:
            await asyncio.wait(signs, timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sign in signs:
                sign.cancel()
        is_settled = new.heard.is_set() or new.lost.is_set()
        await self._bury(old)
        if not is_settled:
            try:
                await plan_again()
            except JoulecutError as error:
                _LOG.warning("server %s: not planned again after its renewal: %s", new.address, error)

    def _start(self, ending: Awaitable[None], connection: ServerConnection) -> asyncio.Future[None]:
        connection.leaving.set()
        task = asyncio.ensure_future(ending)
        self._tasks[task] = connection
        task.add_done_callback(self._tasks.pop)
        return task
