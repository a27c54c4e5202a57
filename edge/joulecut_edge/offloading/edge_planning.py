"""Plans for this edge, made by a server and put in force: what is asked, what is carried out, what may be adopted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from joulecut_core.decoding import show
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Problem, Slo
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock
from joulecut_core.wires import WireTable
from joulecut_edge.config import Radio
from joulecut_edge.offloading.telling import Telling
from joulecut_edge.peers.link_probe import link_figures, probe_link
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.local_active_plan import local_active_plan
from joulecut_edge.plans.local_tail import LocalTail, local_tail
from joulecut_edge.plans.refits import compounded, rescaled, with_tail
from joulecut_edge.plans.waiting import waiting_w
from joulecut_edge.plans.wishes import Wishes
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner import Policy
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_proto.planning_messages import Band, SessionReply, SessionRequest, StageFactors, UplinkRange
from joulecut_runtime.networks.network import Network

_LOG = logging.getLogger(__name__)

_PLAN_S = 30.0
_MOST_LINKS = 64
"""Remembered, the latest: behind a name addresses come and go for years."""

Change = Callable[[Wishes], Wishes]
"""Gives the terms to plan under, from those that hold."""


def _unchanged(wishes: Wishes) -> Wishes:
    return wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeIdentity:
    """What this edge tells servers about itself."""

    name: str
    session_id: str
    slowdown: float
    network: Network
    profile: Profile
    wires: WireTable
    radio: Radio
    priority: int = 0
    """Of its requests."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the plans in force were made of."""

    problem: Problem
    link: LinkEstimate
    factors: StageFactors
    slo: Slo
    address: str


class EdgePlanning:
    """Asks servers for plans and switches the session to them. Used from the event loop only."""

    def __init__(
        self, identity: EdgeIdentity, session: EdgeSession, clock: Clock, wishes: Wishes, *, refit: bool = False
    ) -> None:
        """`refit`: make plans with tables corrected by what the requests before took."""
        self._identity = identity
        self._session = session
        self._telling = Telling(clock)
        self._refits = refit
        self.factors = StageFactors()
        """What the tables behind the plans in force were corrected by."""
        self.is_rescaled = False
        """Whether the link is planned for as requests showed it, and not as it was measured."""
        self._planning = asyncio.Lock()
        self._begun: set[asyncio.Task[SessionReply]] = set()
        self._links: dict[str, LinkEstimate] = {}
        self._basis: _Basis | None = None
        self.wishes = wishes
        self.link: LinkEstimate | None = None
        self.bands: tuple[Band, ...] = ()
        """The plans in force by rising uplink, where the last request asked for a range."""
        self.uplinks: Callable[[LinkEstimate], UplinkRange] | None = None
        """What range to ask for at a link; None where plans are made for the link as it is alone."""
        self.plans = 0
        """Plans of a server carried out since the start."""

    @property
    def problem(self) -> Problem | None:
        """The problem behind the plans in force; None before the first."""
        return None if self._basis is None else self._basis.problem

    def knows_link_to(self, address: str) -> bool:
        """Whether the link to this server was measured."""
        return address in self._links

    async def measure_link(self, connection: ServerConnection) -> None:
        """Probe the link of this connection; plans are made for it from now on."""
        self.link, self.is_rescaled = await self.probed(connection), False
        self.remember_link(connection.address, self.link)
        _LOG.info("link to %s: %s", connection.address, self.link)

    async def probed(self, connection: ServerConnection) -> LinkEstimate:
        """The link of a connection, be it in use or not; no plan is made for it. Raises as `probe_link`."""
        radio = self._identity.radio
        return await probe_link(
            connection.echo,
            uplink_w=radio.uplink_w,
            downlink_w=radio.downlink_w,
            figures=link_figures(self._identity.profile.figures),
        )

    def remember_link(self, address: str, link: LinkEstimate | None) -> None:
        """Plan for this link when this server is joined; None to measure it anew then."""
        self._links.pop(address, None)
        if link is not None:
            self._links[address] = link
        if len(self._links) > _MOST_LINKS:
            del self._links[next(iter(self._links))]

    async def join(self, connection: ServerConnection) -> None:
        """Plan with a server that is used from now on.

        It is planned for this server's link where that was measured before, else for the link in use until now, which
        is measured where it is not known. Raises as `plan`; the bands are then those of before.
        """
        # The bands are another server's, whose epochs mean nothing to this one. `self.link` is left as it is until this
        # one's plan is in force: whoever plans with the server in use meanwhile plans for that one's link.
        before, self.bands = self.bands, ()
        try:
            link = self._links.get(connection.address, self.link)
            if link is None:
                await self.measure_link(connection)
            reply = await self.plan(connection, link=link)
        except BaseException:
            self.bands = self.bands or before
            raise
        if reply.assignment is None:
            self.link = link or self.link
            # What is in force is another server's, which nobody is to be sent to any more.
            await self._session.go_local()

    def expect_link(self, link: LinkEstimate) -> None:
        """Plan for the link in use as its crossings show it, not as it was measured."""
        self.link = link

    def expect_no_more(self, link: LinkEstimate | None) -> None:
        """Take `expect_link` back, where no plan came for that link and no other one has been expected since."""
        if self._basis is not None and self.link is link:
            self.link = self._basis.link

    async def plan(
        self,
        connection: ServerConnection,
        change: Change = _unchanged,
        *,
        preview: bool = False,
        link: LinkEstimate | None = None,
        anew: bool = False,
    ) -> SessionReply:
        """A plan under changed terms, in force on return where it is no preview and there is a choice.

        `link`: what to plan for; None for the link as it is known when its turn comes. `anew`: forget what requests
        showed of the tables, but for the edge's own part.

        Plans are made one at a time, and `change` is given the terms that hold when this one's turn comes. What it
        returns holds for later plans too; where there is no choice all stays as it was.

        Raises what the server refuses with, LinkError where it is lost, ClockError where a clock cannot be held,
        FitError where the profile does not carry the quantile asked for, and what `change` raises.
        """
        async with self._planning:
            connection = connection.latest
            if (known := link or self.link) is None:
                raise LinkError("the link was never measured; connect first")
            link, factors = self._learned(known, connection.address)
            factors = StageFactors(head=factors.head) if anew else factors
            wishes = change(self.wishes)
            local = await self._alone(wishes)
            request = self._request(wishes, link, factors, preview=preview)
            reply = await connection.planner.plan_session(request, timeout_s=_PLAN_S)
            if reply.assignment is not None:
                basis = _Basis(reply.problem, link, factors, wishes.slo, connection.address)
                await self._carry_out(connection, self._active(reply.assignment, reply.plan, basis))
                self._basis, self.bands = basis, reply.bands
                self.link, self.factors = link, factors
                self.remember_link(connection.address, link)
                if not preview:
                    await self._keep(wishes, local)
        return reply

    async def settled(self) -> None:
        """Wait until no plan is on its way of those that are asked for by now."""
        async with self._planning:
            pass

    async def plan_to_the_end(self, connection: ServerConnection, change: Change) -> SessionReply:
        """As `plan`, for a caller who may leave: what has begun by then goes on, what waits for its turn does not.

        A server raises the epoch before it answers: an edge that took no answer would send under a plan of the past.
        """
        begun = asyncio.Event()

        def begin(wishes: Wishes) -> Wishes:
            begun.set()
            return change(wishes)

        planning = asyncio.create_task(self.plan(connection, begin))
        self._begun.add(planning)
        planning.add_done_callback(self._begun.discard)
        try:
            # It never raises what the task does: a cancellation here is the caller's own.
            await asyncio.wait({planning})
        except asyncio.CancelledError:
            if begun.is_set():
                planning.add_done_callback(_tell_nobody)
            else:
                planning.cancel()
            raise
        return planning.result()

    async def preview_over(self, connection: ServerConnection, link: LinkEstimate) -> Plan:
        """The plan that a server would give for such a link, be it in use or not; nothing changes. Raises as `plan`."""
        _, factors = self._learned(link, connection.address)
        request = self._request(self.wishes, link, factors, preview=True)
        return (await connection.planner.plan_session(request, timeout_s=_PLAN_S)).plan

    def active_of(self, band: Band) -> ActivePlan:
        """A band of the plans in force as something to adopt; the edge's own plan where it has no assignment.

        Raises LinkError where no plan is in force.
        """
        if self._basis is None:
            raise LinkError("no plan of a server is in force; connect first")
        if band.assignment is None:
            return self._session.local
        return self._active(band.assignment, band.plan, self._basis)

    async def adopt(self, connection: ServerConnection, active: ActivePlan) -> None:
        """Go on under another plan of the set in force, without asking the server; it is told where its clock changes.

        Raises LinkError where the connection is lost, ClockError where the plan's clock cannot be held.
        """
        # Nothing is awaited in between: a connection lost later makes the session local after this switch.
        connection = _checked(connection)
        was = self._session.active.assignment
        await self._session.switch(active, connection)
        if active.assignment.server_clock != was.server_clock:
            self._telling.tell_soon(connection, active.assignment.epoch)
        # The same one comes again every few seconds where the link moves within its reach.
        level = logging.DEBUG if active.assignment == was else logging.INFO
        _LOG.log(level, "epoch %d adopted: %s", active.assignment.epoch, active.assignment)

    async def stop(self) -> None:
        """End what is still being planned, and what the server is still being told."""
        begun = tuple(self._begun)
        for planning in begun:
            planning.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await self._telling.hush()

    def _request(self, wishes: Wishes, link: LinkEstimate, factors: StageFactors, *, preview: bool) -> SessionRequest:
        excess_s = self._session.crossings.excess_s(link)
        return SessionRequest(
            session_id=self._identity.session_id,
            network_digest=self._identity.network.table.digest,
            edge=self._identity.profile,
            wires=self._identity.wires,
            link=with_tail(link, self._identity.profile, wishes, excess_s),
            slo=wishes.slo,
            objective=wishes.objective,
            max_accuracy_loss=wishes.max_accuracy_loss,
            policy=wishes.policy.value,
            envelope_bytes=ENVELOPE_BYTES,
            preview=preview,
            tail_method=None if wishes.tail_method is None else wishes.tail_method.value,
            factors=factors,
            uplinks=None if preview or self.uplinks is None else self.uplinks(link),
        )

    async def _alone(self, wishes: Wishes) -> ActivePlan:
        """What the edge does without a server under these terms. Raises as `local_active_plan`."""
        if wishes == self.wishes:
            return self._session.local
        # Requests have deadlines.
        return await asyncio.to_thread(local_active_plan, self._identity.profile, wishes)

    async def _keep(self, wishes: Wishes, local: ActivePlan) -> None:
        """Plan under these terms from now on, and be alone under this plan."""
        before = self._session.local
        self.wishes, self._session.local = wishes, local
        if local is not before and self._session.active is before:
            await self._session.go_local()

    def _learned(self, link: LinkEstimate, address: str) -> tuple[LinkEstimate, StageFactors]:
        """Link and factors of the next plan: those of the plan in force, corrected by what its requests showed.

        A link other than that plan's, measured since or another server's, is taken as it is. For another server the
        corrections of decoding and tail are dropped.
        """
        active, planned = self._session.active, self._session.active.link
        factors, basis = self.factors, self._basis
        # What was measured under the board's governor is no table to correct.
        governed = active.assignment.policy == Policy.GOVERNOR.value
        if self._refits and planned is not None and not governed:
            found = self._session.drift.corrections_of(active)
            factors = compounded(active.factors, found)
            if basis is not None and link is basis.link:
                self.is_rescaled = self.is_rescaled or found.link != 1.0
                link = planned if found.link == 1.0 else rescaled(planned, found.link)
        if basis is not None and address != basis.address:
            factors = replace(factors, decode=1.0, tail=1.0)
        return link, factors

    def _active(self, assignment: Assignment, plan: Plan, basis: _Basis) -> ActivePlan:
        """Raises ContractError where this edge cannot carry it out: every request would fail under it.

        What this edge knows by itself is not taken from the server's problem: a wrong number in it would stand in every
        answer, or in place of it.
        """
        self._check_runnable(assignment)
        slo = basis.slo
        return ActivePlan(
            assignment=assignment,
            plan=plan,
            offloads=assignment.cut < self._identity.network.table.last,
            wait_w=waiting_w(self._identity.profile, assignment.edge_clock),
            period_s=None if slo.rate_hz is None else 1.0 / slo.rate_hz,
            link=basis.link,
            factors=basis.factors,
            deadline_s=slo.latency_s,
            local_tail=self._tail(assignment, slo, basis.factors),
        )

    def _tail(self, assignment: Assignment, slo: Slo, factors: StageFactors) -> LocalTail | None:
        try:
            return local_tail(
                self._identity.profile,
                assignment.cut,
                assignment.edge_clock,
                quantile=slo.quantile,
                factor=max(1.0, factors.head),
            )
        except JoulecutError as error:
            _LOG.warning("no time is kept for finishing here: %s", error)
            return None

    async def _carry_out(self, connection: ServerConnection, active: ActivePlan) -> None:
        """The server first, so that whatever this edge sends under the new epoch is expected."""
        assignment = active.assignment
        await self._telling.tell(connection.latest, assignment.epoch)
        connection = _checked(connection)
        connection.newest_epoch = assignment.epoch
        await self._session.switch(active, connection)
        self.plans += 1
        _LOG.info("epoch %d in force: %s", assignment.epoch, assignment)

    def _check_runnable(self, assignment: Assignment) -> None:
        table, cut = self._identity.network.table, assignment.cut
        if assignment.network_digest != table.digest or not 0 <= cut <= table.last:
            raise ContractError(f"assigned cut {cut} of {assignment.network_digest}; this edge runs {table.digest}")
        codecs = [wire.codec for wire in self._identity.wires.at(cut)]
        if cut < table.last and assignment.codec not in codecs:
            expected = ", ".join(codecs) or "none"
            raise ContractError(f"assigned codec {show(assignment.codec)} at cut {cut}; this edge offered {expected}")


def _checked(connection: ServerConnection) -> ServerConnection:
    """This connection, or the one that took its place.

    Raises LinkError where that is lost or left: a plan that was asked for before the edge moved to another server must
    not bring it back.
    """
    latest = connection.latest
    if latest.lost.is_set() or latest.leaving.is_set():
        raise LinkError(f"server {latest.address} was lost or left before its plan was in force")
    return latest


def _tell_nobody(planning: asyncio.Task[SessionReply]) -> None:
    """Log how a plan failed whose caller has left; one that was put in force is in the log already."""
    error = None if planning.cancelled() else planning.exception()
    if error is not None:
        _LOG.warning("no plan for a caller that left meanwhile: %s", error)
