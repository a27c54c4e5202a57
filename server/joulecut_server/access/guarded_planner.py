"""Sessions of the caller's own, for the caller's networks, as often as it may plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_proto.services import PlannerService
from joulecut_server.access.owners import SessionOwners, check_session_id
from joulecut_server.access.permit import Permit
from joulecut_server.access.rates import Rates

_CHANGES_HZ = 4.0
"""What one session may change among the plans at hand, over and above new plans; who follows its link stays below 1."""


class GuardedPlanner:
    """Implements the sessions of the Planner service for one caller."""

    def __init__(
        self,
        service: PlannerService,
        permit_now: Callable[[], Permit],
        name_of: Callable[[str], str | None],
        owners: SessionOwners,
        rates: Rates,
    ) -> None:
        """`permit_now`: asked at every step, as the rules may change while a request is being read."""
        self._service = service
        self._permit_now = permit_now
        self._name_of = name_of
        self._owners = owners
        self._rates = rates

    def check_rate(self) -> None:
        """Take one of the caller's turns to plan; raises PlannerBusyError where it has none left."""
        permit = self._permit_now()
        rate_hz = permit.rule.plan_hz
        wait_s = self._rates.wait_s(("plan", permit.identity), rate_hz)
        if wait_s:
            raise PlannerBusyError(f"{permit} may plan {rate_hz:g} times a second; try again in {wait_s:.3f} s")

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        """A plan for a session of the caller's; the session is its own from then on.

        Raises ContractError where it ended while the plan was made, AccessError where by other rules.
        """
        check_session_id(request.session_id)
        # The profile's network is the one that requests are then checked against.
        permit = self._permit_now()
        networks = frozenset((request.network_digest, request.edge.key.network_digest))
        for digest in sorted(networks):
            permit.check_network(digest, self._name_of)
        self._owners.check(request.session_id, permit)
        if not request.preview:
            over = self._owners.claim(request.session_id, permit, networks)
            # Whose they were is forgotten: whatever becomes of this call or of one of them, each of them ends.
            await asyncio.shield(asyncio.gather(*map(self._service.release, over)))
        reply = await self._service.plan_session(request)
        if not request.preview and self._owners.owner(request.session_id) != permit.identity:
            await self._end_anew(request.session_id)
        return reply

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        """Put an epoch of the caller's session in force; raises PlannerBusyError where that happens far too often."""
        permit = self._permit_now()
        if not self._owners.check(session_id, permit):
            raise ContractError(f"session {session_id[:80]!r} is not known here: plan again")
        plan_hz = permit.rule.plan_hz
        most_hz = None if plan_hz is None else plan_hz + _CHANGES_HZ
        wait_s = self._rates.wait_s(("activate", permit.identity, session_id), most_hz)
        if wait_s:
            raise PlannerBusyError(
                f"{permit} may put plans in force {most_hz:g} times a second; try again in {wait_s:.3f} s"
            )
        return await self._service.activate(session_id, epoch)

    async def release(self, session_id: str) -> None:
        """End the caller's session; one that nobody has is no error."""
        if self._owners.check(session_id, self._permit_now()):
            self._owners.forget(session_id)
            await self._service.release(session_id)

    async def _end_anew(self, session_id: str) -> None:
        """A session was released, gave way or lost its right while its plan was made, which has begun it once more."""
        if self._owners.owner(session_id) is None:
            await self._service.release(session_id)
        self._permit_now()
        raise ContractError(f"session {session_id} ended while its plan was made: plan again")
