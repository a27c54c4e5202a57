"""Keeps the edge offloading while there is a server to offload to, and local while there is none.

    servers -> hello -> serving? -> link -> plan -> activate there -> switch here
      ^                                                                  |
      |  old, or silent: another connection, nothing else changes <------+-----> a better server: see `BetterServers`
      +---- local, and at once the next one <---- lost, or it stops <----+

Every step that fails leads back to `local`, which always works. Where the configuration asks for it, a plan whose
requests have left it for good is replaced by one made with corrected tables.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass

from joulecut_core.devices import DeviceInfo
from joulecut_core.errors import JoulecutError, LinkError
from joulecut_core.time_limits import within
from joulecut_core.timing import Clock
from joulecut_edge.offloading.better_servers import BetterServers, Reason
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.offloading.edge_planning import Change, EdgePlanning
from joulecut_edge.offloading.greetings import greeted
from joulecut_edge.offloading.joining import Joining
from joulecut_edge.offloading.refitting import Refitting
from joulecut_edge.offloading.retirement import Retirement
from joulecut_edge.offloading.turns import Turn, next_turn, unless
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate, Servers
from joulecut_edge.peers.transport import Transport
from joulecut_edge.plans.wishes import Wishes
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.planning_messages import SessionReply

_LOG = logging.getLogger(__name__)

_RENEW_S = 1200.0
"""A connection this old is replaced: well before a server under TLS ends it, and with certificates read anew."""
_RETURN_S = 30.0
"""An earlier server must be well for so long before an edge returns to it; wall seconds."""
_CHECK_S = 2.0
"""Wall seconds in which the server of a silent connection must answer on a fresh one."""
_CHECK_TIMES = 2.0
"""The same in times of what the silent one took to open, where its round trips are long."""
_DOUBTED_S = 3.0
"""Wall seconds for the plan of a server in doubt, times that doubt, and what it took to open where that is longer."""
_BROKEN_S = 1.0
"""After something that should not have happened."""


@dataclass(slots=True, kw_only=True)
class _Used:
    """The connection in use. `renew_at_s`: when it is to be replaced; wall seconds of the event loop."""

    candidate: Candidate
    connection: ServerConnection
    renew_at_s: float


class Offloading:
    """Finds servers, plans with them and switches the session. Run `keep` as a task."""

    def __init__(
        self,
        identity: EdgeIdentity,
        session: EdgeSession,
        clock: Clock,
        wishes: Wishes,
        servers: Servers,
        *,
        transport: Transport,
        refit: bool = False,
        renew_s: float = _RENEW_S,
        return_s: float = _RETURN_S,
    ) -> None:
        """`refit`: make plans with tables corrected by what the requests before took.

        `renew_s`: age of a connection that is replaced; `return_s`: how long an earlier server must be well; both of
        the wall.
        """
        self._identity = identity
        self._session = session
        self._clock = clock
        self._servers = servers
        self._joining = Joining(identity, transport, clock)
        self._refits = refit
        self._renew_s = renew_s
        self._return_s = return_s
        self._retirement = Retirement(session, identity.session_id)
        self._used: _Used | None = None
        self.planning = EdgePlanning(identity, session, clock, wishes, refit=refit)
        self._better = BetterServers(session, servers, self._joining, self.planning, return_s=return_s)
        self.server_info: DeviceInfo | None = None
        self.renewals = 0
        """Connections replaced because of their age since the start."""

    @property
    def connection(self) -> ServerConnection | None:
        """The connected server; None while the edge is alone."""
        return None if self._used is None else self._used.connection

    @property
    def dropped_replies(self) -> int:
        """Replies of all servers since the start that came when nobody waited for them any more."""
        used = 0 if self._used is None else self._used.connection.dropped
        return self._retirement.dropped + used

    async def keep(self) -> None:
        """Connect, stay connected, reconnect, until cancelled; nothing but that ends it."""
        last: Candidate | None = None
        while True:
            try:
                last = await self._round(last)
            except Exception:  # noqa: BLE001 - an edge must find back to its servers, whatever went wrong
                _LOG.exception("offloading broke off: running locally, and beginning anew")
                last = None
                await self._abandon()
                await asyncio.sleep(_BROKEN_S)

    async def keep_fitting(self) -> None:
        """Plan again whenever the requests have shown tables or link to be wrong, until cancelled."""
        if self._refits:
            await Refitting(self._session, self.planning, self._clock, lambda: self.connection).keep()

    async def stop(self) -> None:
        """Let the server forget this edge, if it can hear."""
        used, self._used = self._used, None
        await self.planning.stop()
        await self._retirement.close()
        if used is not None:
            with suppress(JoulecutError):
                await used.connection.planner.release(self._identity.session_id, timeout_s=1.0)
            await used.connection.close()

    async def replan(self, change: Change) -> SessionReply:
        """As `EdgePlanning.plan_to_the_end`, with the server in use. Raises LinkError where there is none."""
        return await self.planning.plan_to_the_end(self._connected(), change)

    async def preview(self, change: Change) -> SessionReply:
        """The plan under changed terms; nothing changes. Raises LinkError where there is no server."""
        return await self.planning.plan(self._connected(), change, preview=True)

    async def _round(self, last: Candidate | None) -> Candidate | None:
        """From looking for a server to losing it; which one that was, None where none was found."""
        candidates = await self._servers.candidates()
        used = await self._connect(candidates, last)
        if used is None:
            self._session.expect_nobody()
            await asyncio.sleep(self._servers.wait_s(candidates))
            return None
        staying = self._stay(used)
        del used  # a frame that waits for hours would keep the first connection's sockets past its renewal
        return await staying

    async def _abandon(self) -> None:
        used, self._used = self._used, None
        try:
            with suppress(Exception):  # it may be what went wrong
                await self._session.go_local()
            self._session.expect_nobody()
        finally:
            if used is not None:
                await self._retirement.bury(used.connection)

    def _connected(self) -> ServerConnection:
        if self._used is None:
            raise LinkError("no server is connected; the edge runs locally and plans again when one is found")
        return self._used.connection

    async def _connect(self, candidates: tuple[Candidate, ...], last: Candidate | None) -> _Used | None:
        """The first that works and may be tried; the one just lost comes last, and those that disappointed after it."""
        order = sorted(candidates, key=lambda each: (self._servers.doubt(each), each == last))
        async with aclosing(greeted(order, self._joining.opened, self._servers)) as greetings:
            async for candidate, greeting in greetings:
                connection = await self._tried(candidate, greeting)
                if connection is not None:
                    self._servers.passed_over(order[: order.index(candidate)])
                    self._used = self._in_use(candidate, connection)
                    _LOG.info("server %s: offloading", candidate.address)
                    return self._used
        return None

    async def _tried(self, candidate: Candidate, greeting: Awaitable[ServerConnection]) -> ServerConnection | None:
        """A joined connection; None where the server cannot be used, which its breaker is told."""
        try:
            return await self._joined(candidate, greeting)
        except JoulecutError as error:
            # Its frames hold the greeting, which holds it, and the connection, which would wait for garbage collection.
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - another server may be well
            _LOG.exception("server %s", candidate.address)
            failure = LinkError(f"what it said could not be understood: {error!r}")
        self._servers.failed(candidate, failure)
        return None

    async def _joined(self, candidate: Candidate, greeting: Awaitable[ServerConnection]) -> ServerConnection:
        """A connection whose plan is in force."""
        connection = await greeting
        doubt = self._servers.doubt(candidate)
        # Who gave no plan, or no answer, when it was used last must not keep others waiting for as long again.
        limit_s = None if doubt == 1.0 else _DOUBTED_S * doubt * max(1.0, connection.opened_within_s)
        try:
            await within(self._plan_with(connection), limit_s)
        except BaseException as error:
            # Its plan may be in force already; requests that it was given up for are another connection's.
            await self._retirement.undo(connection, None if self._used is None else self._used.connection)
            if isinstance(error, (LinkError, asyncio.TimeoutError)):
                self._servers.late(candidate)
                raise LinkError(str(error) or f"it gave no plan within {limit_s:g} s") from error
            raise
        return connection

    async def _plan_with(self, connection: ServerConnection) -> None:
        await self.planning.join(connection)
        self.server_info = connection.device

    def _in_use(self, candidate: Candidate, connection: ServerConnection) -> _Used:
        age_s = self._renew_s * random.uniform(0.8, 1.0)  # noqa: S311 - so that many edges do not come at once
        renew_at_s = asyncio.get_running_loop().time() + age_s
        return _Used(candidate=candidate, connection=connection, renew_at_s=renew_at_s)

    async def _stay(self, used: _Used) -> Candidate:
        """Offload until the server is lost or stops; which one that was."""
        self._better.begin()
        await self._while_heard(used, self._measure_if_unknown(used))
        while True:
            turn = await next_turn(used.connection, renew_at_s=used.renew_at_s, look_s=self._return_s)
            if turn is Turn.SILENT:
                await unless(self._heard_again(used), used.connection.lost)
                used = self._used or used
                await self._while_heard(used, self._measure_if_unknown(used))
            elif turn is Turn.OLD:
                await self._while_heard(used, self._renewed(used))
            elif turn is Turn.LOOK:
                await self._while_heard(used, self._moved(used))
            else:
                await self._left(used, turn)
                return used.candidate
            # Work that was given up at its very end has replaced it all the same.
            used = self._used or used

    async def _while_heard(self, used: _Used, work: Coroutine[None, None, None]) -> None:
        """Some work, given up as soon as the connection is lost or silent, or its server stops."""
        connection = used.connection
        await unless(work, connection.lost, connection.silent, connection.leaving)

    async def _measure_if_unknown(self, used: _Used) -> None:
        """A server joined in haste, with another one's link, gets a plan of its own as soon as there is time."""
        connection = used.connection
        if connection.address not in self.planning.links:
            try:
                await self.planning.measure_link(connection)
                await self.planning.plan(connection)
            except JoulecutError as error:
                _LOG.warning("server %s: no plan for its own link: %s", connection.address, error)

    async def _left(self, used: _Used, turn: Turn) -> None:
        """Local from now on. A server that stops still answers what it has; one that is lost answers nothing."""
        address = used.connection.address
        self._used = None
        reason = "lost" if turn is Turn.LOST else "takes no more requests"
        _LOG.warning("server %s %s: running locally", address, reason)
        try:
            await self._session.go_local()
        except Exception as error:  # noqa: BLE001 - whatever the device says: the server is left
            _LOG.warning("the local plan's clock is not held: %s", error)
        finally:
            # Also where this edge is stopped meanwhile: nobody else knows of the connection any more.
            is_leaving = turn is Turn.LEAVING
            self._servers.left(used.candidate, is_barren=used.connection.is_barren, is_leaving=is_leaving)
            if is_leaving:
                self._retirement.retire(used.connection)
            else:
                await self._retirement.bury(used.connection)

    async def _heard_again(self, used: _Used) -> None:
        """In place of a silent connection a fresh one, where its server answers there soon; else it is lost.

        So what a link forgot, or was too slow for during a moment, costs neither the plan in force nor what is known of
        the link. A reply on the silent one ends the doubt too. One without a single answer in time gets no successor.
        """
        connection = used.connection
        if connection.heard.is_set():
            limit_s = max(_CHECK_S, _CHECK_TIMES * connection.opened_within_s)
            try:
                await within(self._refreshed(used), limit_s)
            except (JoulecutError, asyncio.TimeoutError) as error:
                reason = str(error) or f"no answer within {limit_s:.3g} s"
                _LOG.info("server %s: a fresh connection in place of a silent one: %s", connection.address, reason)
            else:
                _LOG.info("server %s: answers on a fresh connection, in place of a silent one", connection.address)
                return
        if connection.silent.is_set():
            connection.lost.set()

    async def _renewed(self, used: _Used) -> None:
        """The same server over a fresh connection in place of an old one, if there is one to be had."""
        try:
            await self._refreshed(used)
        except JoulecutError as error:
            _LOG.warning("server %s: its connection cannot be renewed now: %s", used.candidate.address, error)
            used.renew_at_s = asyncio.get_running_loop().time() + self._return_s
        else:
            self.renewals += 1

    async def _refreshed(self, used: _Used) -> None:
        """The same server over a fresh connection; the old one ends when the new one has been heard.

        A proxy that passes connections through may have chosen another server for the fresh one. That is planned with
        before anything is sent there; requests under way end at the one before. Raises as `Joining.opened`.
        """
        before = used.connection
        connection = await self._joining.opened(used.candidate, affinity=before.affinity)
        is_same = connection.ends_where(before)
        try:
            if is_same:
                connection.newest_epoch = before.newest_epoch
                # Before requests go there: a plan that is put in force from now on must not bring them back.
                before.successor = connection
                await self._session.replace_remote(before, connection)
            else:
                await self._plan_with(connection)
        except BaseException:
            # It may have been changed already when this was given up.
            before.successor = None
            await self._retirement.undo(connection, before, is_same=is_same)
            raise
        self._used = self._in_use(used.candidate, connection)
        if is_same:
            self._retirement.succeed(before, connection, planned=self.planning.settled, plan_again=self._plan_again)
        else:
            text = "server %s: renewed, and reached another server, %s in place of %s: planned there"
            _LOG.info(text, used.candidate.address, connection.name, before.name)
            self._retirement.retire(before, is_left=self._is_left)

    def _is_left(self, connection: ServerConnection) -> bool:
        """Whether this edge uses another server by now, at whatever address: one may have several."""
        return self.connection is not None and not self.connection.ends_where(connection)

    async def _plan_again(self) -> None:
        connection = self.connection
        if connection is not None and not connection.heard.is_set():
            await self.planning.plan(connection)

    async def _moved(self, used: _Used) -> None:
        """A better server in place of the one in use, where there is one; else the same."""
        better = await self._better.found(used.candidate, used.connection)
        if better is None:
            return
        connection = await self._tried(better.candidate, self._joining.opened(better.candidate))
        if connection is None:
            self._joining.forget_wellness(better.candidate)
            return
        self._used = self._in_use(better.candidate, connection)
        before, now = used.candidate.address, better.candidate.address
        if better.reason is Reason.IN_TIME:
            self._servers.late(used.candidate)
            self.planning.links.forget(before)
        else:
            self._servers.left(used.candidate, is_barren=used.connection.is_barren, is_leaving=False)
        _LOG.info("server %s: %s, offloading there instead of %s", now, better.reason.value, before)
        self._retirement.retire(used.connection, is_left=self._is_left)
        self._better.begin()
