"""Which server an edge goes to from one that works: an earlier one that is well again, or any that is in time.

    well for long enough           -> there; one that was late or barren before must promise to be in time, too
    this one is named no longer    -> all that are named count as earlier ones
    no answer in time at this one  -> the next other one, where its link, measured now, promises to be in time

A bad link is mostly the edge's own: who measures nothing before moving moves from server to server for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from joulecut_core.errors import JoulecutError
from joulecut_core.plans import Plan
from joulecut_core.time_limits import within
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.joining import Joining
from joulecut_edge.offloading.lateness import Lateness
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate, Servers
from joulecut_edge.requests.patience import patience_s
from joulecut_edge.requests.session import EdgeSession

_LOG = logging.getLogger(__name__)

_PATIENCE = 3
"""Looks for an earlier server that an edge with requests under way leaves out. One that is never idle moves too."""
_UNNAMED = 10
"""Looks in a row that leave out a server in use before it is left: resolvers that give a few of many addresses do so
now and then."""
_PROMISE_S = 30.0
"""Wall seconds in which a link must be measured and planned for: one that takes longer promises nothing."""
_PROMISE_TIMES, _LONGEST_PROMISE_S = 40.0, 300.0
"""The same in times of what it took to open the connection, where its round trips are long: measuring takes dozens."""
_NO_TIME_BPS, _NO_TIME_S = 1e12, 1e-6
"""A link that costs nothing: what stays at home even then does not stay because of its link."""


class Reason(Enum):
    """Why another server is better, in words."""

    WELL_AGAIN = "well again"
    NAMED = "named in its place"
    IN_TIME = "would be in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Better:
    """A server to go to."""

    candidate: Candidate
    reason: Reason


class BetterServers:
    """Looked for now and then while a server is in use. Used from the event loop only."""

    def __init__(
        self, session: EdgeSession, servers: Servers, joining: Joining, planning: EdgePlanning, *, return_s: float
    ) -> None:
        """`return_s`: how long an earlier server must be well; wall seconds."""
        self._session = session
        self._servers = servers
        self._joining = joining
        self._planning = planning
        self._return_s = return_s
        self._lateness = Lateness(session)
        self._left_out = self._unnamed = self._tries = self._asked = 0

    def begin(self) -> None:
        """Another server is in use, or the same one anew."""
        self._joining.forget_wellness()
        self._lateness.begin()
        self._left_out = self._unnamed = 0

    async def found(self, used: Candidate, connection: ServerConnection) -> Better | None:
        """The server to go to from the one in use, over this connection; None where it is to stay."""
        candidates, asked = await self._servers.candidates(), self._asked
        earlier = await self._well_of(self._earlier(used, candidates))
        if earlier is not None:
            return Better(candidate=earlier, reason=Reason.NAMED if self._unnamed else Reason.WELL_AGAIN)
        if self._asked > asked:
            return None  # one is enough for a look
        others = [each for each in candidates if each.address != used.address and self._servers.may_try(each)]
        if not others or not self._lateness.is_due() or not await self._is_link_to_blame(connection):
            return None
        # In turn, and one at a time: where all are behind one bad link, looking must cost little.
        other = others[self._tries % len(others)]
        self._tries += 1
        return Better(candidate=other, reason=Reason.IN_TIME) if await self._promises(other) else None

    def _earlier(self, used: Candidate, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The servers that are preferred to the one in use."""
        addresses = [each.address for each in candidates]
        if used.is_discovered or not candidates:
            return ()
        if used.address in addresses:
            self._unnamed = 0
            return candidates[: addresses.index(used.address)]
        self._unnamed += 1
        return candidates if self._unnamed > _UNNAMED else ()

    async def _well_of(self, earlier: Sequence[Candidate]) -> Candidate | None:
        """One of these, once it has been well for long enough."""
        if not earlier:
            return None
        if not self._session.idle and self._left_out < _PATIENCE:
            self._left_out += 1
            return None
        is_one_well = False
        for candidate in earlier:
            well_s = await self._joining.well_s(candidate)
            is_one_well = is_one_well or well_s is not None
            doubt = self._servers.doubt(candidate)
            if well_s is None or well_s < self._return_s * doubt:
                continue
            if doubt == 1.0 or await self._promises(candidate):
                return candidate
            self._servers.late(candidate)
            self._joining.forget_wellness(candidate)
            break
        # Who has seen a better one looks again soon.
        self._left_out = self._left_out if is_one_well else 0
        return None

    async def _is_link_to_blame(self, connection: ServerConnection) -> bool:
        """Whether requests would go to the server in use if its link cost nothing, or do go there."""
        link = self._planning.link
        if self._session.active.offloads or link is None:
            return True
        ideal = replace(
            link,
            uplink_bps=_NO_TIME_BPS,
            downlink_bps=_NO_TIME_BPS,
            rtt_s=_NO_TIME_S,
            latency_std_s=0.0,
            uplink_w=0.0,
            downlink_w=0.0,
        )
        try:
            return _offloads(await self._planning.preview_over(connection, ideal))
        except JoulecutError:
            return True

    async def _promises(self, candidate: Candidate) -> bool:
        """Whether requests would go to this server, and be answered in time, over its link as it is now."""
        self._asked += 1
        limit_s = _PROMISE_S
        try:
            connection = await self._joining.opened(candidate)
            try:
                limit_s = min(max(limit_s, _PROMISE_TIMES * connection.opened_within_s), _LONGEST_PROMISE_S)
                return await within(self._is_in_time(candidate, connection), limit_s)
            finally:
                await connection.close()
        except (JoulecutError, asyncio.TimeoutError) as error:
            reason = str(error) or f"no plan for its link within {limit_s:.3g} s"
            _LOG.info("server %s: promises nothing: %s", candidate.address, reason)
        except Exception:  # noqa: BLE001 - what another server says must not end the use of this one
            _LOG.exception("server %s", candidate.address)
        return False

    async def _is_in_time(self, candidate: Candidate, connection: ServerConnection) -> bool:
        link = await self._planning.probed(connection)
        plan = await self._planning.preview_over(connection, link)
        deadline_s, latency_s = self._planning.wishes.slo.latency_s, plan.latency_bound_s
        limit_s = patience_s(self._session.active) if deadline_s is None else deadline_s
        is_in_time = _offloads(plan) and latency_s is not None and latency_s <= limit_s
        _LOG.info("server %s: %s be in time over %s", candidate.address, "would" if is_in_time else "would not", link)
        if is_in_time:
            # What was measured in a bad moment must not be planned for when this server is joined some day.
            self._planning.links.remember(candidate.address, link)
        return is_in_time


def _offloads(plan: Plan) -> bool:
    """Whether a server has a part in it; previews carry no assignment."""
    return plan.server_point is not None
