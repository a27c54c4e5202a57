"""Planning for this server's edges: sessions, their epochs, and the clock they need."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError
from joulecut_core.plans import Assignment
from joulecut_core.wires import WireTable
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, plan_policy
from joulecut_planner.drift import Corrections
from joulecut_planner.policies import PricedChoice, priced_choice
from joulecut_planner.tails import TailMethod, pair_tails
from joulecut_planner.uplinks.bands import UplinkBand, plan_bands
from joulecut_proto.planning_messages import Band, SessionReply, SessionRequest, UplinkRange
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.limits import Limits
from joulecut_server.planning.turns import Turns
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions.session_clocks import SessionClocks
from joulecut_server.sessions.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_OWN_PLAN = 0
_MOST_WAITING = 256
_PLAN_S = 60.0
"""Edges ask with deadlines of their own; this one only ends what nobody can want any more."""


class ServerPlanning:
    """Implements the sessions of the Planner service; leases this server's clock for plans in force.

    One thread plans, of those who wait for whoever has had the least of it, and what it made is entered on the event
    loop in the same order: one edge's epochs rise as its requests came in, and calls of others are answered meanwhile.
    """

    def __init__(
        self,
        networks: ServedNetworks,
        sessions: SessionBook,
        worker: DeviceWorker,
        clocks: SessionClocks,
        *,
        activated: Callable[[str], None],
        share_of: Callable[[str], str | None],
        limits: Limits,
    ) -> None:
        """`activated` is told of each session whose plan has been put in force.

        `share_of`: whose share of the planning thread's time a session's plans take. `limits`: what requests are
        refused under for their size: none is planned that would be.
        """
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._clocks = clocks
        self._activated = activated
        self._share_of = share_of
        self.limits = limits
        self.plans = 0
        """Plans made for sessions since the start, previews left out."""
        self.planned: Callable[[SessionRequest, SessionReply, PricedChoice], None] = _told_no_plan
        """Told of each plan made for a session, previews too, and what it really costs; must not take long."""
        self._turns = Turns(name="sessions", threads=1, waiting=_MOST_WAITING, limit_s=_PLAN_S)

    def close(self) -> None:
        """Plan no more."""
        self._turns.close()

    def check_rate(self) -> None:
        """Nobody plans too often; who waits is counted once there is something to plan."""

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        """A plan for an edge's network on this server's device; an edge that has left by then gets no epoch."""
        policy, method = _policy(request.policy), _tail_method(request.tail_method)
        network = self._networks.find(request.network_digest)
        inputs = PlanningInputs(
            edge=request.edge,
            server=network.profile,
            wires=self._bearable(request),
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

        def make() -> tuple[PolicyPlan, tuple[UplinkBand, ...], PricedChoice]:
            tails = pair_tails(method, inputs.slo, edge=inputs.edge, server=inputs.server)
            made = plan_policy(policy, inputs, tails=tails, corrections=corrections)
            priced = priced_choice(made, inputs, tails=tails, corrections=corrections)
            return made, _bands(made, request.uplinks), priced

        made, bands, priced = await self._turns.run(lambda _: make(), who=self._share_of(request.session_id))
        self.plans += not request.preview
        assignments: tuple[Assignment | None, ...] = (None,) * (1 + len(bands))
        if not request.preview:
            assignments = self._sessions.propose(
                request.session_id,
                made,
                [band.plan for band in bands],
                network_digest=request.edge.key.network_digest,
                max_accuracy_loss=request.max_accuracy_loss,
            )
            self._clocks.forget_silent()
        reply = SessionReply(
            assignment=assignments[0],
            plan=made.plan,
            problem=made.problem,
            bands=tuple(
                Band(lowest_bps=band.lowest_bps, assignment=assignment, plan=band.plan)
                for band, assignment in zip(bands, assignments[1:], strict=True)
            ),
        )
        self.planned(request, reply, priced)
        return reply

    def _bearable(self, request: SessionRequest) -> WireTable:
        """The wires whose requests this server takes."""
        wires, most_bytes = request.wires, self.limits.stream_tensor_bytes
        borne = tuple(wire for wire in wires.wires if wire.max_bytes <= most_bytes)
        if len(borne) < len(wires.wires):
            text = "session %s: %d of %d wires are left out of its plan: more than limits.stream_tensor_bytes, %d"
            _LOG.info(text, request.session_id, len(wires.wires) - len(borne), len(wires.wires), most_bytes)
        return replace(wires, wires=borne)

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        """Put an epoch's set in force, its parts ready and the clock of that epoch held before the answer.

        Epoch 0 stands for the edge's own plan: its set stays in force, and its clock is given back until it needs it.
        """
        if epoch == _OWN_PLAN:
            await self._clocks.rest(session_id)
            return None
        first = self._sessions.activate(session_id, epoch)
        self._clocks.note(session_id, first.server_clock)
        self._activated(session_id)
        runner = self._networks.find(first.network_digest).runner
        with self._clocks.wished_anyway(session_id, first.server_clock):
            # One by one, so that other edges' requests get their turns in between.
            for cut in dict.fromkeys(
                each.cut for each in self._sessions.in_force(session_id) if each.server_clock is not None
            ):
                await self._worker.run(partial(runner.prepare, cut, head=False), is_long=True)
            achieved = await self._clocks.take(session_id)
        return None if first.server_clock is None else achieved

    async def release(self, session_id: str) -> None:
        """End a session and give its clock back."""
        await self._clocks.release(session_id)


def _told_no_plan(request: SessionRequest, reply: SessionReply, priced: PricedChoice) -> None:
    """Nobody is told of plans."""


def _bands(made: PolicyPlan, uplinks: UplinkRange | None) -> tuple[UplinkBand, ...]:
    """Plans by uplink, where one is asked for and the policy is joulecut's: rivals are run as they are."""
    if uplinks is None or made.policy is not Policy.JOINT:
        return ()
    return plan_bands(made.problem, uplinks.lowest_bps, uplinks.highest_bps)


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
