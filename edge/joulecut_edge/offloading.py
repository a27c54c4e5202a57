"""Keeps the edge offloading while there is a server to offload to, and local while there is none.

    find a server -> hello -> probe the link -> plan -> activate there -> switch here
          ^                                                               |
          +------------- wait a little <- local <- lost ------------------+

Every step that fails leads back to `local`, which always works. Where the configuration asks for it, a plan whose
requests have left it for good is replaced by one made with corrected tables.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from joulecut_core.devices import DeviceInfo
from joulecut_core.errors import ContractError, DeviceError, JoulecutError, LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_core.problems import Problem
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock
from joulecut_core.wires import WireTable
from joulecut_edge.active_plan import ActivePlan
from joulecut_edge.config import Radio
from joulecut_edge.link_probe import probe_link
from joulecut_edge.refits import compounded, rescaled, with_tail
from joulecut_edge.server_connection import ServerConnection
from joulecut_edge.session import EdgeSession
from joulecut_edge.wishes import Wishes
from joulecut_planner import Policy
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_proto.planning_messages import SessionReply, SessionRequest, StageFactors
from joulecut_runtime.network import Network

_LOG = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 2.0
"""A known server that comes back is used again within seconds; wall seconds, jittered."""
_PLAN_S = 30.0
_ACTIVATE_S = 10.0
_REFIT_S = 60.0
"""Between two plans that nobody asked for: a network must not be cut anew by every gust of wind."""


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


def _link_figures(device: FigureKind) -> FigureKind:
    """In emulated time a link is emulated too, whatever it is made of."""
    return FigureKind.EMULATED if device is FigureKind.EMULATED else FigureKind.MEASURED


class Offloading:
    """Finds servers, plans with them and switches the session. Run `keep` as a task."""

    def __init__(
        self,
        identity: EdgeIdentity,
        session: EdgeSession,
        clock: Clock,
        wishes: Wishes,
        addresses: Callable[[], Sequence[str]],
        *,
        refit: bool = False,
    ) -> None:
        """`refit`: make plans with tables corrected by what the requests before took."""
        self._refits = refit
        self._factors = StageFactors()
        self._identity = identity
        self._session = session
        self._clock = clock
        self._addresses = addresses
        self._planning = asyncio.Lock()
        self.wishes = wishes
        self.connection: ServerConnection | None = None
        self.link: LinkEstimate | None = None
        self.server_info: DeviceInfo | None = None
        self.plans = 0
        """Plans of a server carried out since the start."""

    async def keep(self) -> None:
        """Connect, stay connected, reconnect, until cancelled."""
        wait_s = _FIRST_WAIT_S
        while True:
            connection = await self._connect()
            if connection is not None:
                wait_s = _FIRST_WAIT_S
                await connection.lost.wait()
                _LOG.warning("server %s lost: running locally", connection.address)
                self.connection = None
                try:
                    await self._session.go_local()
                except DeviceError as error:
                    # Requests still finish here, each after asking the lost server; the next join switches again.
                    _LOG.warning("cannot switch to the local plan: %s", error)
                await connection.close()
            # Full jitter, so that many edges do not return to a restarted server in one instant.
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)

    async def keep_fitting(self) -> None:
        """Plan again whenever the requests have shown tables or link to be wrong, until cancelled."""
        lasting = self._session.drift.lasting
        while self._refits:
            await lasting.wait()
            lasting.clear()
            connection, policy = self.connection, self.wishes.policy
            # What was measured under the board's governor is no table to correct.
            if connection is None or policy is Policy.GOVERNOR:
                continue
            try:
                reply = await self._plan(connection, self.wishes, preview=False)
            except JoulecutError as error:
                _LOG.warning("drift: no other plan: %s", error)
            else:
                made = "no plan keeps the terms" if reply.assignment is None else f"epoch {reply.assignment.epoch}"
                _LOG.info("drift: planned again with %s, link %s: %s", self._factors, self.link, made)
            await asyncio.sleep(self._clock.wall_s(_REFIT_S))

    async def stop(self) -> None:
        """Let the server forget this edge, if it can hear."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(JoulecutError):
                await connection.planner.release(self._identity.session_id, timeout_s=1.0)
            await connection.close()

    async def replan(self, wishes: Wishes) -> SessionReply:
        """Plan again under other terms and carry the plan out. Raises LinkError where there is no server."""
        connection = self._connected()
        reply = await self._plan(connection, wishes, preview=False)
        self.wishes = wishes
        return reply

    async def preview(self, wishes: Wishes) -> SessionReply:
        """The plan under other terms; nothing changes. Raises LinkError where there is no server."""
        return await self._plan(self._connected(), wishes, preview=True)

    def _connected(self) -> ServerConnection:
        if self.connection is None:
            raise LinkError("no server is connected; the edge runs locally and plans again when one is found")
        return self.connection

    async def _connect(self) -> ServerConnection | None:
        for address in self._addresses():
            try:
                connection = await self._joined(address)
            except JoulecutError as error:
                _LOG.info("server %s: %s", address, error)
                continue
            _LOG.info("server %s: offloading", address)
            return connection
        return None

    async def _joined(self, address: str) -> ServerConnection:
        connection = ServerConnection(address, session_id=self._identity.session_id, clock=self._clock)
        try:
            await self._join(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _join(self, connection: ServerConnection) -> None:
        identity = self._identity
        reply = await connection.hello(identity.name, identity.slowdown)
        digest = identity.network.table.digest
        if digest not in {network.digest for network in reply.networks}:
            raise ContractError(f"it does not serve {identity.network.table.network} {digest}")
        connection.network = identity.network
        self.server_info = reply.device
        if self.link is None:
            self.link = await probe_link(
                connection.echo,
                uplink_w=identity.radio.uplink_w,
                downlink_w=identity.radio.downlink_w,
                figures=_link_figures(identity.profile.figures),
            )
            _LOG.info("link: %s", self.link)
        await self._plan(connection, self.wishes, preview=False)
        self.connection = connection

    async def _plan(self, connection: ServerConnection, wishes: Wishes, *, preview: bool) -> SessionReply:
        if self.link is None:
            raise LinkError("the link was never measured; connect first")
        link, factors = self._learned(self.link)
        excess_s = self._session.crossings.excess_s(link)
        request = SessionRequest(
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
        )
        async with self._planning:
            reply = await connection.planner.plan_session(request, timeout_s=_PLAN_S)
            if reply.assignment is not None:
                active = self._active_plan(reply.assignment, reply.plan, reply.problem, link, factors)
                await self._carry_out(connection, active)
                self.link, self._factors = link, factors
        return reply

    def _learned(self, link: LinkEstimate) -> tuple[LinkEstimate, StageFactors]:
        """Link and factors of the next plan: those of the plan in force, and what its requests showed on top."""
        active = self._session.active
        # What was measured under the board's governor is no table to correct.
        governed = active.assignment.policy == Policy.GOVERNOR.value
        if not self._refits or active.link is None or governed:
            return link, self._factors
        found = self._session.drift.corrections_of(active)
        planned = active.link
        return planned if found.link == 1.0 else rescaled(planned, found.link), compounded(active.factors, found)

    def _active_plan(
        self, assignment: Assignment, plan: Plan, problem: Problem, link: LinkEstimate, factors: StageFactors
    ) -> ActivePlan:
        return ActivePlan(
            assignment=assignment,
            plan=plan,
            offloads=assignment.cut < self._identity.network.table.last,
            wait_w=0.0 if plan.edge_point is None else problem.edge.points[plan.edge_point].wait_w,
            period_s=None if problem.slo.rate_hz is None else 1.0 / problem.slo.rate_hz,
            link=link,
            factors=factors,
        )

    async def _carry_out(self, connection: ServerConnection, active: ActivePlan) -> None:
        """The server first, so that whatever this edge sends under the new epoch is expected."""
        assignment, table = active.assignment, self._identity.network.table
        if assignment.network_digest != table.digest or not 0 <= assignment.cut <= table.last:
            raise ContractError(
                f"assigned cut {assignment.cut} of {assignment.network_digest}; this edge runs {table.digest}"
            )
        await connection.planner.activate(
            self._identity.session_id, assignment.epoch, timeout_s=_ACTIVATE_S + self._clock.wall_s(1.0)
        )
        await self._session.switch(active, connection)
        self.plans += 1
        _LOG.info("epoch %d in force: %s", assignment.epoch, assignment)
