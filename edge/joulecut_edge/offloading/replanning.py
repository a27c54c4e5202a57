"""Follows the link from plan to plan: as requests show how fast it is, without asking the server.

    answered or given up -> estimate -> another of the plans at hand? -> in force at the next request boundary
    nothing is sent, or too little to tell -> a small probe now and then, as long as requests come
    the link left the range of all plans -> a new request for plans, now and then
    at home, and the round trip is far shorter, or longer, than that of the plans -> the same

What changes and when is decided by `joulecut_planner.switching`; this module feeds it and carries it out.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from joulecut_core.errors import JoulecutError
from joulecut_core.links import LinkEstimate
from joulecut_core.time_limits import within
from joulecut_core.timing import Clock
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.round_trips import RoundTrips, is_far_longer
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.plans.standby_plans import StandbyPlans
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner.links import LinkBaseline, LinkEstimator, LinkOutlook, ProbePlan, Transfer
from joulecut_planner.switching import Switcher, SwitchReason, SwitchTerms, may_probe
from joulecut_proto.planning_messages import Band, UplinkRange

_LOG = logging.getLogger(__name__)

_SLOWER, _FASTER = 64.0, 16.0
"""Plans are asked for from this many times slower to this many times faster than the link was measured."""
_LOOK_S = 0.1
"""How often the link is looked at without anything new; seconds of the agents' clock."""
_LONGER = 2.0
"""What has not come after so long is expected to take this many times as long in all."""
_ASIDE_S = 1.0
"""A probe beside requests counts as lost after so long."""
_ASLEEP_S = 10.0
"""Without a request for so long nobody wants to know how fast the link is."""
_MOVED = 1.5
"""A link this many times faster or slower is told to the plan in force, for what it expects of the server."""
_RETELL_S = 5.0
_REPLAN_S = 60.0
"""Between two requests for plans as the link is faster than those at hand, or slower, or its round trip another one."""
_RANGE = "range"
REPLAN_REASONS = (*(reason.value for reason in SwitchReason), _RANGE)
"""Why a plan was changed; `range`: new ones were asked for, the link having left those at hand."""


def uplinks_around(link: LinkEstimate) -> UplinkRange:
    """The uplinks worth having a plan for, where the link was measured as this."""
    return UplinkRange(lowest_bps=link.uplink_bps / _SLOWER, highest_bps=link.uplink_bps * _FASTER)


class _Left(Enum):
    """How the link has left what plans were made for; each is a reason of its own to ask for others."""

    FASTER = "faster"
    SLOWER = "slower"
    SHORTER = "shorter round trip"
    LONGER = "longer round trip"


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A request at a server. `overdue` asks for a look when its deadline has passed."""

    sent_s: float
    up_bytes: int
    overdue: asyncio.TimerHandle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """A set of plans that the link is followed with: those of `bands`, what is known of the link, and who decides."""

    bands: tuple[Band, ...]
    standby: StandbyPlans
    estimator: LinkEstimator
    switcher: Switcher


class Replanning:
    """Implements `TransferObserver`. Run `keep` as a task; used from the event loop only."""

    def __init__(
        self, session: EdgeSession, offloading: Offloading, clock: Clock, *, terms: SwitchTerms | None = None
    ) -> None:
        self._session = session
        self._offloading = offloading
        self._clock = clock
        self._terms = terms or SwitchTerms()
        self._bands: tuple[Band, ...] = ()
        """Seen last, be it that they can be followed or not."""
        self._followed: _Followed | None = None
        """The latest that can; None before the first."""
        self._probes = ProbePlan()
        self._trips = RoundTrips()
        self._news = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, _UnderWay] = {}
        self._told_s = -math.inf
        self._asked_s: dict[_Left, float] = {}
        self._seen, self._seen_s = 0, 0.0
        self.replans: Mapping[str, int] = {}
        """Changes of the plan since the start, by why (`REPLAN_REASONS`)."""
        self.outlook: LinkOutlook | None = None
        """What the link was taken for when it was last looked at; None where too little is known."""

    def began(self, request_id: str, *, time_s: float, up_bytes: int) -> None:
        """See `TransferObserver.began`."""
        deadline_s, overdue = self._session.active.deadline_s, None
        if deadline_s is not None:
            # A link that carries nothing any more is noticed as soon as one answer is late, at no cost while none is.
            overdue = asyncio.get_running_loop().call_later(self._clock.wall_s(deadline_s), self._news.set)
        self._under_way[request_id] = _UnderWay(time_s, up_bytes, overdue)

    def ended(self, request_id: str) -> None:
        """See `TransferObserver.ended`."""
        known = self._under_way.pop(request_id, None)
        if known is not None and known.overdue is not None:
            known.overdue.cancel()

    def transferred(self, transfer: Transfer, *, deadline_s: float | None = None) -> None:
        """See `TransferObserver.transferred`."""
        if self._followed is not None:
            self._followed.estimator.observe(transfer if transfer.is_over else _given_up(transfer, deadline_s or 0.0))
            if transfer.is_over:
                self._trips.observe(transfer.link_s)
            self._news.set()

    async def keep(self) -> None:
        """Follow the link until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            # `wait_for` of Python before 3.12 forgets a cancellation that meets its result: a stop would never end.
            timer = loop.call_later(self._clock.wall_s(_LOOK_S), self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()
            self._news.clear()
            try:
                await self.look()
            except JoulecutError as error:
                _LOG.warning("cannot follow the link: %s", error)
                await asyncio.sleep(self._clock.wall_s(1.0))
            except Exception:  # noqa: BLE001 - the next look may find what this one did not
                _LOG.exception("cannot follow the link for now")
                await asyncio.sleep(self._clock.wall_s(1.0))

    async def look(self) -> None:
        """Change the plan where the link asks for it, or ask the link where nothing else does.

        Raises LinkError where the server is lost meanwhile, ClockError where a plan's clock cannot be held.
        """
        connection, planning = self._offloading.connection, self._offloading.planning
        if connection is None or not planning.bands or planning.problem is None:
            return
        if planning.bands is not self._bands:
            self._begin(planning)
        followed = self._followed
        if followed is None or followed.bands is not self._bands:
            return
        standby, now_s = followed.standby, self._clock.now_s()
        self._note_overdue(now_s, followed.estimator)
        outlook, current = followed.estimator.outlook(now_s), standby.index_of(self._session.active)
        self.outlook = outlook
        if outlook is not None and current is not None:
            switch = followed.switcher.decide(now_s, standby.contenders, current, outlook)
            if switch is not None:
                _LOG.info("another plan for its %s: uplink now %s", switch.reason.value, outlook)
                await self._adopt(connection, standby, switch.index, outlook)
                self._count(switch.reason.value)
                return
            await self._retell(connection, standby, current, outlook, now_s)
            self._leave_range(connection, outlook, now_s)
        if not self._is_awake(now_s):
            return
        if not self._session.active.offloads:
            self._correct_round_trip(connection, now_s)
            await self._probe(connection, followed.estimator, outlook, now_s)
        elif current is not None and not self._under_way and may_probe(standby.contenders, current, outlook):
            await self._probe_aside(connection, outlook, now_s)

    async def stop(self) -> None:
        """End what is still being asked of the server."""
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _begin(self, planning: EdgePlanning) -> None:
        """Plans were made anew: what is known of the link stays where it is the same link."""
        problem, link = planning.problem, planning.link
        if problem is None or link is None:
            return
        self._bands = bands = planning.bands
        active = self._session.active
        if active.offloads and all(
            band.assignment is None or band.assignment.epoch != active.assignment.epoch for band in bands
        ):
            bands = (*bands, Band(lowest_bps=link.uplink_bps, assignment=active.assignment, plan=active.plan))
        standby, before = StandbyPlans.of(problem, bands, self._session.local), self._followed
        baseline = LinkBaseline(rtt_s=link.rtt_s, spread_s=link.latency_std_s, downlink_bps=link.downlink_bps)
        if before is None or before.estimator.baseline != baseline:
            estimator = LinkEstimator(baseline)
            self._trips.forget()
        else:
            estimator = before.estimator
        # Other plans are no reason to change more often.
        paid_until_s = -math.inf if before is None else before.switcher.paid_until_s
        switcher = Switcher(
            self._terms, rate_hz=problem.slo.rate_hz, now_s=self._clock.now_s(), paid_until_s=paid_until_s
        )
        self._followed = _Followed(bands=self._bands, standby=standby, estimator=estimator, switcher=switcher)

    def _note_overdue(self, now_s: float, estimator: LinkEstimator) -> None:
        """What is under way for longer than its deadline allows says that the link is slow, before it is over."""
        deadline_s = self._session.active.deadline_s
        if deadline_s is None or not self._under_way:
            return
        oldest = next(iter(self._under_way.values()))
        waited_s = now_s - oldest.sent_s
        if waited_s >= deadline_s:
            waiting = Transfer(time_s=now_s, up_bytes=oldest.up_bytes, down_bytes=0, link_s=waited_s, is_over=False)
            estimator.observe(waiting)

    async def _adopt(
        self, connection: ServerConnection, standby: StandbyPlans, index: int, outlook: LinkOutlook
    ) -> None:
        band, planning = standby.plans[index].band, self._offloading.planning
        active = self._session.local if band is None else planning.active_of(band)
        self._told_s = self._clock.now_s()
        await planning.adopt(connection, standby.priced(index, active, outlook.usual_bps))

    async def _retell(
        self, connection: ServerConnection, standby: StandbyPlans, current: int, outlook: LinkOutlook, now_s: float
    ) -> None:
        """Keep what the plan in force expects of the server true while the link moves within its reach."""
        active = self._session.active
        if not active.offloads or active.link is None or now_s - self._told_s < _RETELL_S:
            return
        ratio = outlook.usual_bps / active.link.uplink_bps
        if not 1.0 / _MOVED <= ratio <= _MOVED:
            await self._adopt(connection, standby, current, outlook)

    def _leave_range(self, connection: ServerConnection, outlook: LinkOutlook, now_s: float) -> None:
        """Ask for plans around what the link has become, where it is faster or slower than all that are at hand.

        Faster ones do not wait for their turn after slower ones: what made the link slow may soon be over.
        """
        link = self._offloading.planning.link
        if link is None:
            return
        reach = uplinks_around(link)
        is_above = outlook.careful_bps > reach.highest_bps and self._is_due(_Left.FASTER, now_s)
        if is_above or (self._is_below(reach, outlook) and self._is_due(_Left.SLOWER, now_s)):
            self._begin_asking(connection, replace(link, uplink_bps=outlook.usual_bps))

    def _is_below(self, reach: UplinkRange, outlook: LinkOutlook) -> bool:
        """Whether even the fastest spell was slower than that, and other plans than those at hand may suit it."""
        # What tells too little may hide a faster link.
        is_told = len(outlook.samples_bps) >= self._terms.spells and not outlook.doubt_s
        if not is_told or max(outlook.samples_bps) >= reach.lowest_bps:
            return False
        # Where the edge alone, or nothing, is the plan for the slowest uplink, it is so for slower ones.
        slowest = self._bands[0]
        return slowest.assignment is not None and slowest.plan.server_point is not None

    def _correct_round_trip(self, connection: ServerConnection, now_s: float) -> None:
        """Ask for plans anew where a round trip that is not the link's may be all that keeps it at home.

        It does not wait for its turn after another range: what is known of the uplink is measured against it. Nor does
        a shorter one wait after a longer one: what made it longer may soon be over.
        """
        link = self._offloading.planning.link
        if link is None:
            return
        for way, found in (
            (_Left.SHORTER, self._trips.shorter_than(link)),
            (_Left.LONGER, self._trips.longer_than(link)),
        ):
            if found is not None and self._is_due(way, now_s):
                self._begin_asking(connection, found.on(link))
                return

    def _is_due(self, way: _Left, now_s: float) -> bool:
        """Whether plans may be asked for, for this reason; not again before `_REPLAN_S` have passed."""
        if now_s - self._asked_s.get(way, -math.inf) < _REPLAN_S:
            return False
        self._asked_s[way] = now_s
        return True

    def _begin_asking(self, connection: ServerConnection, link: LinkEstimate) -> None:
        """Ask for plans for this link beside the looks: it may collapse while the question is on its way."""
        self._count(_RANGE)
        self._offloading.planning.expect_link(link)
        asking = asyncio.create_task(self._ask(connection, link))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _ask(self, connection: ServerConnection, link: LinkEstimate) -> None:
        planning = self._offloading.planning
        try:
            await planning.plan(connection)
        except JoulecutError as error:
            # A look that finds the same once more asks again, when it is time to.
            planning.expect_no_more(link)
            _LOG.info("no plans for another link: %s", error)

    async def _probe(
        self, connection: ServerConnection, estimator: LinkEstimator, outlook: LinkOutlook | None, now_s: float
    ) -> None:
        link = self._offloading.planning.link
        if outlook is not None and link is not None and self._trips.may_be_longer_than(link):
            # Small ones show that, and large ones would pass for slow bytes.
            outlook = replace(outlook, doubt_s=0.0)
        size_bytes = self._probes.due_bytes(now_s, outlook)
        if size_bytes is None:
            return
        try:
            link_s = (await connection.echo(size_bytes, 0)).link_s
            transfer = Transfer(time_s=self._clock.now_s(), up_bytes=size_bytes, down_bytes=0, link_s=link_s)
            estimator.observe(transfer)
            # It took long for its bytes, or because every way has become longer.
            empty_s = None
            if link is not None and is_far_longer(link_s, link):
                empty_s = (await connection.echo(0, 0)).link_s
                estimator.observe(Transfer(time_s=self._clock.now_s(), up_bytes=0, down_bytes=0, link_s=empty_s))
            self._trips.observe(link_s, empty_s=empty_s)
        finally:
            ended_s = self._clock.now_s()
            self._probes.sent(ended_s, ended_s - now_s)

    async def _probe_aside(self, connection: ServerConnection, outlook: LinkOutlook | None, now_s: float) -> None:
        """Between the requests of a plan that sends little. The next look waits for it, so it is given up soon."""
        size_bytes = self._probes.due_bytes(now_s, outlook)
        if size_bytes is None:
            return
        link_s, is_over = _ASIDE_S, False
        try:
            with suppress(asyncio.TimeoutError):
                link_s = (await within(connection.echo(size_bytes, 0), self._clock.wall_s(_ASIDE_S))).link_s
                is_over = True
        finally:
            ended_s = self._clock.now_s()
            self._probes.sent(ended_s, ended_s - now_s)
        self.transferred(Transfer(time_s=ended_s, up_bytes=size_bytes, down_bytes=0, link_s=link_s, is_over=is_over))

    def _is_awake(self, now_s: float) -> bool:
        requests = self._session.counters.requests
        if requests != self._seen:
            self._seen, self._seen_s = requests, now_s
        return requests > 0 and now_s - self._seen_s < _ASLEEP_S

    def _count(self, reason: str) -> None:
        # Another mapping each time: whoever reads it in another thread sees one that does not change.
        self.replans = Counter({**self.replans, reason: self.replans.get(reason, 0) + 1})


def _given_up(transfer: Transfer, deadline_s: float) -> Transfer:
    """As slow as it takes to be late: the edge gives up while there is still time, and then knows no more."""
    return replace(transfer, link_s=max(_LONGER * transfer.link_s, deadline_s), is_over=True)
