"""Plans again as requests show tables or link to be wrong, and takes that back where no request can.

    requests left their plan for good          -> a plan with what they showed
    at home for long, because of what they did -> one with tables and link as they are measured

A server that was slow for a while, or a link, is not heard of again by an edge that stays at home for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from joulecut_core.errors import JoulecutError
from joulecut_core.time_limits import within
from joulecut_core.timing import Clock
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner import Policy
from joulecut_proto.planning_messages import StageFactors

_LOG = logging.getLogger(__name__)

_REFIT_S = 60.0
"""Between two plans that nobody asked for: a network must not be cut anew by every gust of wind."""
_HOME_S = 1800.0
"""At home for so long: where nothing has changed, some requests are slow once in that time."""


class Refitting:
    """Run `keep` as a task. `connection`: the server in use, where there is one. In seconds of the agent's clock."""

    def __init__(
        self,
        session: EdgeSession,
        planning: EdgePlanning,
        clock: Clock,
        connection: Callable[[], ServerConnection | None],
    ) -> None:
        self._session = session
        self._planning = planning
        self._clock = clock
        self._connection = connection
        self._seen = 0

    async def keep(self) -> None:
        """Plan again as often as there is a reason to, until cancelled."""
        lasting = self._session.drift.lasting
        while True:
            with suppress(asyncio.TimeoutError):
                await within(lasting.wait(), self._clock.wall_s(_HOME_S))
            has_drifted = lasting.is_set()
            lasting.clear()
            connection = self._connection()
            # What was measured under the board's governor is no table to correct.
            if connection is None or self._planning.wishes.policy is Policy.GOVERNOR:
                continue
            if has_drifted or self._is_home_for_what_was():
                await self._plan(connection, anew=not has_drifted)
                await asyncio.sleep(self._clock.wall_s(_REFIT_S))

    def _is_home_for_what_was(self) -> bool:
        """Whether requests come, and stay at home under what only requests to a server could take back."""
        requests, found = self._session.counters.requests, self._planning.experience.factors
        has_come, self._seen = requests > self._seen, requests
        is_corrected = self._planning.experience.link_is_rescaled or found != StageFactors(head=found.head)
        return has_come and is_corrected and not self._session.active.offloads

    async def _plan(self, connection: ServerConnection, *, anew: bool) -> None:
        planning, why = self._planning, "at home for long" if anew else "drift"
        try:
            if anew and planning.experience.link_is_rescaled:
                await planning.measure_link(connection)
            reply = await planning.plan(connection, anew=anew)
        except JoulecutError as error:
            _LOG.warning("%s: no other plan: %s", why, error)
        except Exception:  # noqa: BLE001 - the next drift may find a better plan
            _LOG.exception("%s: no other plan", why)
        else:
            made = "no plan keeps the terms" if reply.assignment is None else f"epoch {reply.assignment.epoch}"
            _LOG.info("%s: planned again for link %s: %s", why, planning.link, made)
