"""The clock that each session wants, from plan to plan, until the session ends."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError, JoulecutError
from joulecut_core.plans import Assignment
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.sessions.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_MOST_FOLLOWED = 10_000
"""Sessions whose clock is remembered; one that is not costs a call to the device's thread."""


class SessionClocks:
    """Wishes for clocks in the device's thread, as sessions' plans change. Used from the event loop only."""

    def __init__(self, sessions: SessionBook, worker: DeviceWorker, clocks: DeviceClocks) -> None:
        self._sessions = sessions
        self._worker = worker
        self._clocks = clocks
        self._followed: OrderedDict[str, OperatingPoint | None] = OrderedDict()
        """By session what clock it wants; read in the device's thread too."""
        self._following: set[asyncio.Task[None]] = set()

    def note(self, session_id: str, clock: OperatingPoint | None) -> None:
        """What a session wants from now on; it is wished for by `take`, at home by `rest`."""
        self._followed[session_id] = clock
        self._followed.move_to_end(session_id)
        if len(self._followed) > _MOST_FOLLOWED:
            self._followed.popitem(last=False)

    async def take(self, session_id: str) -> OperatingPoint | None:
        """Wish for what a session wants now; what the device runs at.

        Raises ContractError where it was released meanwhile: it holds no clock any more.
        """
        return (await self._worker.run(partial(self._wish_as_noted, session_id))).result

    async def rest(self, session_id: str) -> None:
        """A session needs no clock until it does again."""
        self.note(session_id, None)
        await self._give_back(session_id)

    def follow(self, session_id: str, assignment: Assignment) -> None:
        """Wish for the clock of the assignment that a session's latest request came under; costs nothing mostly."""
        clock = assignment.server_clock
        if clock is None or clock == self._followed.get(session_id):
            return
        self.note(session_id, clock)
        self._wish_soon(session_id, clock)

    @contextmanager
    def wished_anyway(self, session_id: str, clock: OperatingPoint | None) -> Iterator[None]:
        """What is noted already is wished for though the call that says so ends early: no request would ask again."""
        try:
            yield
        except BaseException:
            self._wish_soon(session_id, clock)
            raise

    async def reconsider(self, session_id: str) -> None:
        """A session's say about the clock has changed: what it wants counts from now on, or no longer."""
        if session_id not in self._followed:
            return
        try:
            await self.take(session_id)
        except JoulecutError as error:
            _LOG.warning("session %s: the clock stays as it is: %s", session_id, error)

    def forget_silent(self) -> None:
        """End the sessions of more than are remembered, and give their clocks back soon."""
        for silent in self._sessions.forget_silent():
            self._followed.pop(silent, None)
            self._wish_soon(silent, None)

    async def release(self, session_id: str) -> None:
        """End a session and give its clock back."""
        self._sessions.release(session_id)
        self._followed.pop(session_id, None)
        await self._give_back(session_id)

    async def _give_back(self, session_id: str) -> None:
        with self.wished_anyway(session_id, None):
            await self._worker.run(lambda: self._clocks.wish(session_id, None))

    def _wish_as_noted(self, session_id: str) -> OperatingPoint | None:
        if session_id not in self._followed:
            raise ContractError(f"session {session_id} ended while its plan was put in force: plan again")
        return self._clocks.wish(session_id, self._followed.get(session_id))

    def _wish_soon(self, session_id: str, clock: OperatingPoint | None) -> None:
        following = asyncio.create_task(self._wish(session_id, clock))
        self._following.add(following)
        following.add_done_callback(self._following.discard)

    async def _wish(self, session_id: str, clock: OperatingPoint | None) -> None:
        def wish() -> None:
            # A session that has ended, or changed again meanwhile, wants nothing of it any more.
            if self._followed.get(session_id) == clock:
                self._clocks.wish(session_id, clock)

        try:
            await self._worker.run(wish)
        except JoulecutError as error:
            _LOG.warning("session %s: its requests run at another clock than planned: %s", session_id, error)
