"""Planning for this server's edges: sessions, their epochs, and the clock they need."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, plan_policy
from joulecut_planner.drift import Corrections
from joulecut_planner.tails import TailMethod, pair_tails
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_runtime.device_worker import DeviceWorker
from joulecut_server.clock_keeper import ClockKeeper
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions import SessionBook
from joulecut_server.turns import Turns

_MOST_WAITING = 256
_PLAN_S = 60.0
"""Edges ask with deadlines of their own; this one only ends what nobody can want any more."""


class ServerPlanning:
    """Implements the sessions of the Planner service; leases this server's clock for plans in force.

    One thread plans, first come first served, and what it made is entered on the event loop in the
    same order: epochs rise as requests came in, and calls of other edges are answered meanwhile.
    """

    def __init__(
        self, networks: ServedNetworks, sessions: SessionBook, worker: DeviceWorker, clocks: ClockKeeper
    ) -> None:
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._clocks = clocks
        self.plans = 0
        """Plans made for sessions since the start, previews left out."""
        self._turns = Turns(name="sessions", threads=1, waiting=_MOST_WAITING, limit_s=_PLAN_S)

    def close(self) -> None:
        """Plan no more."""
        self._turns.close()

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        """A plan for an edge's network on this server's device; an edge that has left by then gets no epoch."""
        policy, method = _policy(request.policy), _tail_method(request.tail_method)
        network = self._networks.find(request.network_digest)
        inputs = PlanningInputs(
            edge=request.edge,
            server=network.profile,
            wires=request.wires,
            link=request.link,
            slo=request.slo,
            objective=request.objective,
            max_accuracy_loss=request.max_accuracy_loss,
            envelope_bytes=request.envelope_bytes,
        )
        factors = request.factors
        corrections = Corrections.everywhere(
            head=factors.head, encode=factors.encode, decode=factors.decode, tail=factors.tail
        )

        def make() -> PolicyPlan:
            tails = pair_tails(method, inputs.slo, edge=inputs.edge, server=inputs.server)
            return plan_policy(policy, inputs, tails=tails, corrections=corrections)

        made = await self._turns.run(lambda _: make())
        self.plans += not request.preview
        assignment = None
        if not request.preview:
            assignment = self._sessions.propose(
                request.session_id, made, network_digest=request.edge.key.network_digest
            )
        return SessionReply(assignment=assignment, plan=made.plan, problem=made.problem)

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        """Put an epoch in force, its part ready and its clock held before the answer."""
        assignment = self._sessions.activate(session_id, epoch)
        runner = self._networks.find(assignment.network_digest).runner

        def change() -> OperatingPoint | None:
            runner.prepare(assignment.cut, head=False)
            return self._clocks.wish(session_id, assignment.server_clock)

        turn = await self._worker.run_regardless(change)
        return None if assignment.server_clock is None else turn.result

    async def release(self, session_id: str) -> None:
        """End a session and give its clock back."""
        self._sessions.release(session_id)
        await self._worker.run_regardless(lambda: self._clocks.wish(session_id, None))


def _policy(name: str) -> Policy:
    try:
        return Policy(name)
    except ValueError as error:
        known = ", ".join(each.value for each in Policy)
        raise ContractError(f"policy {name[:40]!r}; expected one of {known}") from error


def _tail_method(name: str | None) -> TailMethod | None:
    if name is None:
        return None
    try:
        return TailMethod(name)
    except ValueError as error:
        known = ", ".join(each.value for each in TailMethod)
        raise ContractError(f"tail_method {name[:40]!r}; expected one of {known}") from error
