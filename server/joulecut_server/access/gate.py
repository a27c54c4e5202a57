"""The guards of one server: who calls, by which rule, how often, and which sessions are whose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial

from joulecut_core.errors import AccessError
from joulecut_core.timing import Clock
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_proto.security.callers import Caller, Callers
from joulecut_proto.security.guards import Guards
from joulecut_proto.security.identity import Identity
from joulecut_proto.services import AgentService, InferenceService, PlannerService, SolverService
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.access.guarded_agent import GuardedAgent
from joulecut_server.access.guarded_inference import GuardedInference
from joulecut_server.access.guarded_planner import GuardedPlanner
from joulecut_server.access.open_streams import OpenStreams
from joulecut_server.access.options import AccessOptions
from joulecut_server.access.owners import SessionOwners
from joulecut_server.access.permit import Permit, permit_for, permit_of
from joulecut_server.access.rates import Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What other rules leave no right to, each with the reason; `moved`: sessions whose say about the clock changed."""

    sessions: dict[str, AccessError]
    streams: dict[InferenceServerStream, AccessError]
    moved: tuple[str, ...]


class AccessGate:
    """Makes the guards. Used from the event loop only, but for `may_wish` and `share_of`."""

    def __init__(
        self,
        clock: Clock,
        name_of: Callable[[str], str | None],
        *,
        options: AccessOptions | None,
        secured: bool,
        site: str | None,
        proxies: Collection[Identity] = (),
    ) -> None:
        """`name_of`: a network's name by its digest. `options`: None lets every edge and operator do everything.

        `site`: this server's own, whose identities alone may call, but for those that `options` adds; None: any may.
        """
        self._clock = clock
        self._name_of = name_of
        self._options = options
        self._secured = secured
        self._site = site
        self._rates = Rates(clock)
        self._streams = OpenStreams()
        self.owners = SessionOwners(clock)
        self.guards = Guards(
            callers=Callers(secured=secured, proxies=proxies),
            agent=self._agent,
            planner=self._planner,
            solver=self._solver,
            inference=self._inference,
        )

    @property
    def options(self) -> AccessOptions | None:
        """The rules in force."""
        return self._options

    def change(self, options: AccessOptions | None) -> Revoked:
        """Put other rules in force, for what is under way too; whoever calls ends what they leave no right to.

        Calls that are being answered end as they began.
        """
        self._options = options
        says = {session_id: permit.rule.clock for session_id, permit in self.owners.permits()}
        sessions = self.owners.judge(self._session_permit)
        streams = self._streams.judge(self._stream_permit, sessions)
        moved = tuple(
            session_id for session_id, permit in self.owners.permits() if permit.rule.clock is not says[session_id]
        )
        return Revoked(sessions=sessions, streams=streams, moved=moved)

    def may_wish(self, session_id: str) -> bool:
        """Whether a session's plans may move the server's clock; asked in the device's thread too."""
        permit = self.owners.permit(session_id)
        # With certificates every session in force is somebody's: one without an owner has just ended.
        return not self._secured if permit is None else permit.rule.clock

    def share_of(self, session_id: str) -> str:
        """Whose share of the device's time a session's requests take: its owner's, however many sessions that has.

        Asked in the device's thread too.
        """
        permit = self.owners.permit(session_id)
        return session_id if permit is None or permit.identity is None else str(permit.identity)

    def priority_of(self, session_id: str, asked: int) -> int:
        """The priority of a session's request that asks for one: no higher than its owner's rule says."""
        permit = self.owners.permit(session_id)
        return asked if permit is None else min(asked, permit.rule.priority)

    def ending(self, release: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        """`release`, for sessions whose edge has left; nobody owns them then."""

        async def end(session_id: str) -> None:
            self.owners.forget(session_id)
            await release(session_id)

        return end

    def _agent(self, service: AgentService, caller: Caller) -> AgentService:
        return GuardedAgent(service, self._permit(caller), self._name_of, self._clock, self._rates)

    def _planner(self, service: PlannerService, caller: Caller) -> PlannerService:
        self._permit(caller)
        return GuardedPlanner(service, partial(self._permit, caller), self._name_of, self.owners, self._rates)

    def _solver(self, service: SolverService, caller: Caller) -> SolverService:
        permit = self._permit(caller)
        permit.check_solver()
        wait_s = self._rates.wait_s(("solve", permit.identity), permit.rule.plan_hz)
        if wait_s:
            raise PlannerBusyError(
                f"{permit} may have {permit.rule.plan_hz:g} problems a second solved; try again in {wait_s:.3f} s"
            )
        return service

    def _inference(self, service: InferenceService, caller: Caller) -> InferenceService:
        permit = self._permit(caller)
        permit.check_inference()
        return GuardedInference(service, permit, self._name_of, self.owners, self._rates, self._streams)

    def _session_permit(self, identity: Identity, networks: frozenset[str]) -> Permit:
        permit = permit_of(identity, self._options, site=self._site)
        for digest in sorted(networks):
            permit.check_network(digest, self._name_of)
        return permit

    def _stream_permit(self, identity: Identity) -> Permit:
        permit = permit_of(identity, self._options, site=self._site)
        permit.check_inference()
        return permit

    def _permit(self, caller: Caller) -> Permit:
        return permit_for(caller, self._options, site=self._site)
