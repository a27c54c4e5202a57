"""Plans for this edge, made by a server and put in force: what is asked, what is carried out, what may be adopted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from joulecut_core.errors import LinkError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_core.timing import Clock
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.offloading.experience import Experience, PlanBasis
from joulecut_edge.offloading.known_links import KnownLinks
from joulecut_edge.offloading.server_plans import server_plan
from joulecut_edge.offloading.telling import Telling
from joulecut_edge.peers.link_probe import link_figures, probe_link
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.local_active_plan import local_active_plan
from joulecut_edge.plans.refits import with_tail
from joulecut_edge.plans.wishes import Wishes
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_proto.planning_messages import Band, SessionReply, SessionRequest, StageFactors, UplinkRange

_LOG = logging.getLogger(__name__)

_PLAN_S = 30.0

Change = Callable[[Wishes], Wishes]
"""Gives the terms to plan under, from those that hold."""


def _unchanged(wishes: Wishes) -> Wishes:
    return wishes


class EdgePlanning:
    """Asks servers for plans and switches the session to them. Used from the event loop only."""

    def __init__(
        self, identity: EdgeIdentity, session: EdgeSession, clock: Clock, wishes: Wishes, *, refit: bool = False
    ) -> None:
        """`refit`: make plans with tables corrected by what the requests before took."""
        self._identity = identity
        self._session = session
        self._telling = Telling(clock)
        self._planning = asyncio.Lock()
        self._begun: set[asyncio.Task[SessionReply]] = set()
        self.links = KnownLinks()
        self.experience = Experience(session, refit=refit)
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
        basis = self.experience.basis
        return None if basis is None else basis.problem

    async def measure_link(self, connection: ServerConnection) -> None:
        """Probe the link of this connection; plans are made for it from now on."""
        self.link, self.experience.link_is_rescaled = await self.probed(connection), False
        self.links.remember(connection.address, self.link)
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

    async def join(self, connection: ServerConnection) -> None:
        """Plan with a server that is used from now on.

        It is planned for this server's link where that was measured before, else for the link in use until now, which
        is measured where it is not known. Raises as `plan`; the bands are then those of before.
        """
        # The bands are another server's, whose epochs mean nothing to this one. `self.link` is left as it is until this
        # one's plan is in force: whoever plans with the server in use meanwhile plans for that one's link.
        before, self.bands = self.bands, ()
        try:
            link = self.links.to(connection.address) or self.link
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
        basis = self.experience.basis
        if basis is not None and self.link is link:
            self.link = basis.link

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
            link, factors = self.experience.applied_to(known, connection.server)
            factors = StageFactors(head=factors.head) if anew else factors
            wishes = change(self.wishes)
            local = await self._alone(wishes)
            request = self._request(wishes, link, factors, preview=preview)
            reply = await connection.planner.plan_session(request, timeout_s=_PLAN_S)
            if reply.assignment is not None:
                basis = PlanBasis(reply.problem, link, factors, wishes.slo, connection.server)
                active = server_plan(self._identity, reply.assignment, reply.plan, basis)
                await self._carry_out(connection, active)
                self.experience.basis, self.bands, self.link = basis, reply.bands, link
                self.links.remember(connection.address, link)
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
        _, factors = self.experience.applied_to(link, connection.server)
        request = self._request(self.wishes, link, factors, preview=True)
        return (await connection.planner.plan_session(request, timeout_s=_PLAN_S)).plan

    def active_of(self, band: Band) -> ActivePlan:
        """A band of the plans in force as something to adopt; the edge's own plan where it has no assignment.

        Raises LinkError where no plan is in force.
        """
        basis = self.experience.basis
        if basis is None:
            raise LinkError("no plan of a server is in force; connect first")
        if band.assignment is None:
            return self._session.local
        return server_plan(self._identity, band.assignment, band.plan, basis)

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

    async def _carry_out(self, connection: ServerConnection, active: ActivePlan) -> None:
        """The server first, so that whatever this edge sends under the new epoch is expected."""
        assignment = active.assignment
        await self._telling.tell(connection.latest, assignment.epoch)
        connection = _checked(connection)
        connection.newest_epoch = assignment.epoch
        await self._session.switch(active, connection)
        self.plans += 1
        _LOG.info("epoch %d in force: %s", assignment.epoch, assignment)


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
