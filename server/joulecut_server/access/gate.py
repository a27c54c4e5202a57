"""The guards of one server: who calls, by which rule, how often, and which sessions are whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from joulecut_core.timing import Clock
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_proto.security.callers import Caller, Callers
from joulecut_proto.security.guards import Guards
from joulecut_proto.security.identity import Identity
from joulecut_proto.services import AgentService, InferenceService, PlannerService, SolverService
from joulecut_server.access.guarded_agent import GuardedAgent
from joulecut_server.access.guarded_inference import GuardedInference
from joulecut_server.access.guarded_planner import GuardedPlanner
from joulecut_server.access.options import AccessOptions
from joulecut_server.access.owners import SessionOwners
from joulecut_server.access.permit import Permit, permit_for
from joulecut_server.access.rates import Rates


class AccessGate:
    """Makes the guards. Used from the event loop only, but for `may_wish`."""

    def __init__(
        self,
        clock: Clock,
        name_of: Callable[[str], str | None],
        *,
        options: AccessOptions | None = None,
        secured: bool = False,
        proxies: Collection[Identity] = (),
        site: str | None = None,
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
        self._streams: Counter[Identity] = Counter()
        self.owners = SessionOwners()
        self.guards = Guards(
            callers=Callers(secured=secured, proxies=proxies),
            agent=self._agent,
            planner=self._planner,
            solver=self._solver,
            inference=self._inference,
        )

    def may_wish(self, session_id: str) -> bool:
        """Whether a session's plans may move the server's clock; asked in the device's thread too."""
        permit = self.owners.permit(session_id)
        # With certificates every session in force is somebody's: one without an owner has just ended.
        return not self._secured if permit is None else permit.rule.clock

    def share_of(self, session_id: str) -> str:
        """Whose share of the device's time a session's requests take: its owner's, however many sessions that has."""
        permit = self.owners.permit(session_id)
        return session_id if permit is None or permit.identity is None else str(permit.identity)

    def ending(self, release: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        """`release`, for sessions whose edge has left; nobody owns them then."""

        async def end(session_id: str) -> None:
            self.owners.forget(session_id)
            await release(session_id)

        return end

    def _agent(self, service: AgentService, caller: Caller) -> AgentService:
        return GuardedAgent(service, self._permit(caller), self._name_of, self._clock, self._rates)

    def _planner(self, service: PlannerService, caller: Caller) -> PlannerService:
        return GuardedPlanner(service, self._permit(caller), self._name_of, self.owners, self._rates)

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

    def _permit(self, caller: Caller) -> Permit:
        return permit_for(caller, self._options, site=self._site)
