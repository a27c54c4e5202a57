"""Carries other rules and limits out: all at once for new calls, and then for what is under way."""

from __future__ import annotations

import asyncio
import logging

from joulecut_core.errors import DeviceError
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.options import AccessOptions
from joulecut_server.limits import Limits
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.requests.inference import ServerInference
from joulecut_server.sessions.session_clocks import SessionClocks

_LOG = logging.getLogger(__name__)

_CLOCKS_S = 5.0
"""Wall seconds that clocks are waited for: a device that hangs must not keep the next rules from being read."""


class RulesInForce:
    """The parts of a server that go by its rules. Used from the event loop only."""

    def __init__(
        self,
        gate: AccessGate,
        planning: ServerPlanning,
        clocks: SessionClocks,
        inference: ServerInference,
        *,
        clocks_s: float = _CLOCKS_S,
    ) -> None:
        """`clocks_s`: wall seconds that clocks are waited for; what takes longer goes on by itself."""
        self._gate = gate
        self._planning = planning
        self._inference = inference
        self._clocks = clocks
        self._clocks_s = clocks_s
        self._following: set[asyncio.Task[None]] = set()

    async def apply(self, access: AccessOptions | None, limits: Limits) -> int:
        """Put rules and limits in force; how many sessions and streams have ended by them.

        A stream that has lost its right ends with PERMISSION_DENIED and the rule's name, a session with its clock.
        """
        self._inference.change_limits(limits)
        self._planning.limits = limits
        revoked = self._gate.change(access)
        for stream, reason in revoked.streams.items():
            self._inference.cut_off(stream, reason)
        for text in dict.fromkeys(map(str, (*revoked.streams.values(), *revoked.sessions.values()))):
            _LOG.warning("ended by other rules: %s", text)
        following = [
            *(asyncio.create_task(self._release(session_id)) for session_id in revoked.sessions),
            *(asyncio.create_task(self._clocks.reconsider(session_id)) for session_id in revoked.moved),
        ]
        for clock in following:
            self._following.add(clock)
            clock.add_done_callback(self._following.discard)
        if following and (await asyncio.wait(following, timeout=self._clocks_s))[1]:
            _LOG.warning("the device does not answer: clocks follow the rules once it does")
        return len(revoked.streams) + len(revoked.sessions)

    async def _release(self, session_id: str) -> None:
        try:
            await self._clocks.release(session_id)
        except DeviceError as error:
            _LOG.warning("the clock of session %s cannot be given back: %s", session_id, error)
