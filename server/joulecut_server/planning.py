"""Planning for this server's edges, and single problems for anybody who asks."""

from __future__ import annotations

import asyncio

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner import PlanningInputs, Policy, solve
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_runtime.device_worker import DeviceWorker
from joulecut_server.clock_keeper import ClockKeeper
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions import SessionBook


class ServerPlanning:
    """Implements the Planner service; leases this server's clock for plans in force."""

    def __init__(
        self, networks: ServedNetworks, sessions: SessionBook, worker: DeviceWorker, clocks: ClockKeeper
    ) -> None:
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._clocks = clocks

    async def plan(self, problem: Problem) -> Plan:
        """The exact plan of one problem."""
        return await asyncio.to_thread(solve, problem)

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        """A plan for an edge's network on this server's device."""
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
        made = self._sessions.plan(request.session_id, _policy(request.policy), inputs, preview=request.preview)
        return SessionReply(assignment=made.assignment, plan=made.plan, problem=made.problem)

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        """Put an epoch in force, its clock held before the answer."""
        assignment = self._sessions.activate(session_id, epoch)
        turn = await self._worker.run_regardless(lambda: self._clocks.wish(session_id, assignment.server_clock))
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
