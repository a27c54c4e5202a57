"""Planning for this server's edges: sessions, their epochs, and the clock they need."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError, JoulecutError
from joulecut_core.plans import Assignment
from joulecut_core.wires import WireTable
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, plan_policy
from joulecut_planner.drift import Corrections
from joulecut_planner.policies import PricedChoice, priced_choice
from joulecut_planner.tails import TailMethod, pair_tails
from joulecut_planner.uplinks.bands import UplinkBand, plan_bands
from joulecut_proto.planning_messages import Band, SessionReply, SessionRequest, UplinkRange
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.device_clocks import DeviceClocks
from joulecut_server.limits import Limits
from joulecut_server.planning.turns import Turns
from joulecut_server.served_network import ServedNetworks
from joulecut_server.sessions.sessions import SessionBook

_LOG = logging.getLogger(__name__)

_OWN_PLAN = 0
_MOST_FOLLOWED = 10_000
"""Sessions whose clock is remembered; one that is not costs a call to the device's thread."""
_MOST_WAITING = 256
_PLAN_S = 60.0
"""Edges ask with deadlines of their own; this one only ends what nobody can want any more."""


class ServerPlanning:
    """Implements the sessions of the Planner service; leases this server's clock for plans in force.

    One thread plans, of those who wait for whoever has had the least of it, and what it made is entered on the event
    loop in the same order: one edge's epochs rise as its requests came in, and calls of others are answered meanwhile.
    """

    def __init__(
        self, networks: ServedNetworks, sessions: SessionBook, worker: DeviceWorker, clocks: DeviceClocks
    ) -> None:
        self._networks = networks
        self._sessions = sessions
        self._worker = worker
        self._clocks = clocks
        self.plans = 0
        """Plans made for sessions since the start, previews left out."""
        self.activated: Callable[[str], None] = _told_nobody
        """Told of each session whose plan has been put in force."""
        self.planned: Callable[[SessionRequest, SessionReply, PricedChoice], None] = _told_no_plan
        """Told of each plan made for a session, previews too, and what it really costs; must not take long."""
        self.share_of: Callable[[str], str | None] = _everybodys
        """Whose share of the planning thread's time a session's plans take."""
        self.limits = Limits()
        """What requests are refused under for their size: none is planned that would be."""
        self._followed: OrderedDict[str, OperatingPoint | None] = OrderedDict()
        """By session what clock it wants; read in the device's thread too."""
        self._following: set[asyncio.Task[None]] = set()
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

        made, bands, priced = await self._turns.run(lambda _: make(), who=self.share_of(request.session_id))
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
            for silent in self._sessions.forget_silent():
                self._followed.pop(silent, None)
                self._wish_soon(silent, None)
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
            self._note(session_id, None)
            with self._wished_anyway(session_id, None):
                await self._worker.run(lambda: self._clocks.wish(session_id, None))
            return None
        first = self._sessions.activate(session_id, epoch)
        self._note(session_id, first.server_clock)
        self.activated(session_id)
        runner = self._networks.find(first.network_digest).runner
        with self._wished_anyway(session_id, first.server_clock):
            # One by one, so that other edges' requests get their turns in between.
            for cut in dict.fromkeys(
                each.cut for each in self._sessions.in_force(session_id) if each.server_clock is not None
            ):
                await self._worker.run(partial(runner.prepare, cut, head=False), is_long=True)
            turn = await self._worker.run(partial(self._wish_as_noted, session_id))
        return None if first.server_clock is None else turn.result

    def follow(self, session_id: str, assignment: Assignment) -> None:
        """Wish for the clock of the assignment that a session's latest request came under; costs nothing mostly."""
        clock = assignment.server_clock
        if clock is None or clock == self._followed.get(session_id):
            return
        self._note(session_id, clock)
        self._wish_soon(session_id, clock)

    def _note(self, session_id: str, clock: OperatingPoint | None) -> None:
        self._followed[session_id] = clock
        self._followed.move_to_end(session_id)
        if len(self._followed) > _MOST_FOLLOWED:
            self._followed.popitem(last=False)

    def _wish_as_noted(self, session_id: str) -> OperatingPoint | None:
        """Wish for what a session wants now; one that was released meanwhile holds no clock any more."""
        if session_id not in self._followed:
            raise ContractError(f"session {session_id} ended while its plan was put in force: plan again")
        return self._clocks.wish(session_id, self._followed.get(session_id))

    @contextmanager
    def _wished_anyway(self, session_id: str, clock: OperatingPoint | None) -> Iterator[None]:
        """What is noted already is wished for though the call that says so ends early: no request would ask again."""
        try:
            yield
        except BaseException:
            self._wish_soon(session_id, clock)
            raise

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

    async def reconsider(self, session_id: str) -> None:
        """A session's say about the clock has changed: what it wants counts from now on, or no longer."""
        if session_id not in self._followed:
            return
        try:
            await self._worker.run(partial(self._wish_as_noted, session_id))
        except JoulecutError as error:
            _LOG.warning("session %s: the clock stays as it is: %s", session_id, error)

    async def release(self, session_id: str) -> None:
        """End a session and give its clock back."""
        self._sessions.release(session_id)
        self._followed.pop(session_id, None)
        with self._wished_anyway(session_id, None):
            await self._worker.run(lambda: self._clocks.wish(session_id, None))


def _told_no_plan(request: SessionRequest, reply: SessionReply, priced: PricedChoice) -> None:
    """Nobody is told of plans."""


def _told_nobody(session_id: str) -> None:
    """Sessions are kept until they are released."""


def _everybodys(session_id: str) -> None:
    """One share for all."""


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
