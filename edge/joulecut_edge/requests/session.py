r"""The path of one request through the edge.

    queue -> head -> encode -> server (queue, decode, tail) -> answer
      |                 |-> the server failed, or is lost: once more, on another connection, where time allows
      |                 \-> no answer by the time at which the edge must begin, or a refusal: the rest, locally
      \-> a server that wants to be left alone, or answers nothing in time: the whole, locally, for a while

A request takes the plan in force when its turn comes, with the server that gave it, and keeps both: plans change at
request boundaries only. One coroutine answers it, once; replies that come after are dropped.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import JoulecutError, LinkError
from joulecut_core.ledgers import FallbackReason, RequestLedger
from joulecut_core.request_context import ForRequest, RequestContext, in_this_context, under_epoch
from joulecut_core.spans import SpanKind, current_span
from joulecut_core.timing import Clock
from joulecut_edge.peers.remote import (
    Remote,
    RemoteFailedError,
    RemoteReply,
    UnansweredError,
    UnsentError,
    fallback_reason,
    may_try_again,
    reply_of,
)
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.requests.counters import Counters, counted
from joulecut_edge.requests.crossings import Crossings
from joulecut_edge.requests.demand import Demand
from joulecut_edge.requests.drift_watch import DriftWatch
from joulecut_edge.requests.edge_waits import EdgeWaits, head_s, rest_s
from joulecut_edge.requests.first_parts import Head, Whole
from joulecut_edge.requests.footing import Footing, InForce
from joulecut_edge.requests.patience import patience_s, retry_s, wait_s
from joulecut_edge.requests.request import Request
from joulecut_edge.requests.request_ledgers import both, link_shares, local_ledger, split_ledger
from joulecut_edge.requests.request_spans import SERVER, tell_head, tell_tail, tell_whole
from joulecut_edge.requests.request_turns import RequestTurns
from joulecut_edge.requests.successors import Successors
from joulecut_edge.requests.transfers import NoTransferObserver, TransferObserver
from joulecut_edge.requests.under_way import UnderWay
from joulecut_planner.links import Transfer
from joulecut_proto.ids import sent_id
from joulecut_proto.inference_messages import Origin
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.log_limit import LogLimit
from joulecut_runtime.execution.clock_holder import LeaseCounts
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.execution.part_runner import HeadRun, PartRunner, Stage
from joulecut_runtime.wires.codecs import codec

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The network's outputs for one request, and where its seconds and joules went."""

    outputs: tuple[Tensor, ...]
    ledger: RequestLedger


class EdgeSession:
    """Answers every request exactly once, on whichever sides the plan in force says."""

    def __init__(self, runner: PartRunner, worker: DeviceWorker, clock: Clock, local: ActivePlan) -> None:
        self._runner = runner
        self.turns = RequestTurns(worker)
        self._clock = clock
        self._footing = Footing(runner, worker, clock, local)
        self._numbers = itertools.count()
        self._last_start_s = -math.inf
        self._successors = Successors()
        self._under_way = UnderWay()
        self._demand = Demand()
        self._waits = EdgeWaits(clock)
        # A link that is always a little too slow is no news after a while, at thirty requests a second.
        self._log = LogLimit(_LOG)
        self.counters = Counters()
        self.drift = DriftWatch(runner.device)
        self.crossings = Crossings()
        self.transfers: TransferObserver = NoTransferObserver()
        """Told of each request that was sent to a server."""
        self.session_id = ""
        """What servers know this edge's session by, for the log."""

    @property
    def active(self) -> ActivePlan:
        """The plan in force."""
        return self._footing.force.active

    @property
    def local(self) -> ActivePlan:
        """The plan for an edge without a server; another one counts from the next time that it is alone."""
        return self._footing.local

    @local.setter
    def local(self, plan: ActivePlan) -> None:
        self._footing.local = plan

    @property
    def idle(self) -> bool:
        """Whether every request has its answer."""
        return len(self._under_way) == 0

    @property
    def held(self) -> OperatingPoint | None:
        """The operating point asked for last; None where the device's governor sets the clocks."""
        return self._footing.held

    @property
    def leases(self) -> LeaseCounts:
        """How the leases of its clocks have fared."""
        return self._footing.leases

    def verify_clocks(self) -> None:
        """Take clocks again that were lost meanwhile; called from the worker, between two requests."""
        self._footing.verify_clocks()

    async def switch(self, active: ActivePlan, remote: Remote | None) -> None:
        """Put a plan in force at the next request boundary. Raises ClockError where its clock cannot be held."""
        await self._footing.switch(active, remote)
        if remote is not None:
            self._successors.tell(InForce(active=active, remote=remote))

    async def replace_remote(self, old: Remote, new: Remote) -> None:
        """Send further requests over another connection to the same server, under the same plan."""
        await self._footing.replace_remote(old, new)

    async def go_local(self, only_from: Remote | None = None) -> bool:
        """Carry on alone, under the plan made for that; under the board's governor where its clock is refused."""
        return await self._footing.go_local(only_from)

    def expect_nobody(self) -> None:
        """Let requests that lost their server finish here: no other one was found."""
        self._successors.tell(None)

    async def under_way_over(self) -> None:
        """Wait until all requests that are under way now have their answers."""
        await self._under_way.over()

    async def close(self) -> None:
        """Restore the device's clocks after the requests under way."""
        await self._footing.give_clocks_back()
        await self.drift.settle()

    async def infer(
        self, request_id: str, inputs: Sequence[Tensor], *, application: str = "", within_s: float | None = None
    ) -> Answer:
        """Answer one request of an application, which waits `within_s` for it; None where it does not say.

        Raises ContractError where the inputs are not the network's.
        """
        self._runner.network.whole.check_inputs(inputs)
        start_s, last_s = self._clock.now_s(), self._last_start_s
        self._demand.came(start_s, planned_hz=self.active.rate_hz, waiting=self.turns.waiting)
        self._last_start_s = start_s
        request = Request(
            request_id=request_id,
            sent_id=sent_id(request_id, next(self._numbers)),
            start_s=start_s,
            after_s=start_s - last_s,
            waited_before_s=self._waits.came(alone=self.idle, period_s=self.active.period_s),
            within_s=within_s,
        )
        context = RequestContext(request_id=request.sent_id, session_id=self.session_id)
        # As the server's span and both logs have it: applications may use an id twice.
        current_span().note(request_id=request.sent_id)
        with self._under_way.one(), ForRequest(context):
            turn = await self.turns.run(in_this_context(lambda: self._first_part(request, inputs)), who=application)
            told = {"start_s": request.start_s, "queue_s": turn.queue_s, "now_s": self._clock.now_s()}
            if isinstance(turn.result, Whole):
                tell_whole(current_span(), turn.result.stage, **told)
                return self._whole_answer(request, turn.result, turn.queue_s)
            force, run = turn.result
            under_epoch(force.active.assignment.epoch)
            tell_head(current_span(), run, **told)
            return await self._offload(request, Head(force=force, run=run, queue_s=turn.queue_s))

    def _first_part(self, request: Request, inputs: Sequence[Tensor]) -> tuple[InForce, HeadRun] | Whole:
        footing, force = self._footing, self._footing.force
        active = force.active
        at_home = active.offloads and footing.stays_home(active)
        waited_s, deadline_s = self._clock.now_s() - request.start_s, request.deadline_s(active)
        footing.hasten(footing.local if at_home else active, waited_s=waited_s, deadline_s=deadline_s)
        if not active.offloads or at_home:
            outputs, stage = self._waits.work(lambda: self._runner.whole(inputs), took_s=rest_s)
            return Whole(active=active, outputs=outputs, stage=stage, reason=footing.recess.reason if at_home else None)
        cut, wire = active.assignment.cut, codec(active.assignment.codec)
        return force, self._waits.work(lambda: self._runner.head(cut, wire, inputs), took_s=head_s)

    def _whole_answer(self, request: Request, whole: Whole, queue_s: float) -> Answer:
        ledger = local_ledger(
            request,
            whole.active,
            whole.stage,
            queue_s=queue_s,
            now_s=self._clock.now_s(),
            figures=self._runner.device.info.figures,
            waits=self._waits,
            reason=whole.reason,
        )
        if not whole.active.offloads:
            self._watch_drift(whole.active, ledger, None)
        return self._answer(whole.outputs, ledger, whole.active)

    async def _offload(self, request: Request, head: Head) -> Answer:
        """Ask the server, at most twice; whatever comes of that, an answer."""
        force, attempts, sent_s = head.force, 0, 0.0
        reason = FallbackReason.LATE
        if not head.run.encoded:
            reason, why = FallbackReason.FAILED, head.run.complaint
            self._log.warn("requests not sent", "request %s: nothing can be sent: %s", request.sent_id, why)
        for may_repeat in (True, False) if head.run.encoded else ():
            sent_s = sent_s if attempts else self._clock.now_s()
            most_s = self._wait_s(request, force.active)
            if most_s <= 0.0:
                break
            try:
                remote, chosen = _remote_of(force), force.active.assignment
                attempts += 1
                self.transfers.began(request.sent_id, time_s=self._clock.now_s(), up_bytes=head.sent_bytes)
                with current_span().child(
                    SERVER, kind=SpanKind.CLIENT, attempt=attempts - 1, sent_bytes=head.sent_bytes
                ):
                    reply = await reply_of(remote, request.sent_id, chosen, head.run.encoded, most_s, attempts - 1)
            except JoulecutError as error:
                reason = fallback_reason(error)
                attempts -= isinstance(error, UnsentError)
                self._note(error, request, head, force.remote, sent_s=sent_s, waited_s=most_s)
                again = await self._another(request, force, error) if may_repeat and may_try_again(error) else None
                outcome = "sent again" if again else "finished locally"
                self._log.warn(f"requests {outcome}", "request %s: %s: %s", request.sent_id, outcome, error)
                if again is None:
                    break
                force = again
            else:
                self._footing.recess.answered()
                return self._split_answer(request, force.active, head, reply, sent_s=sent_s, attempts=attempts)
            finally:
                self.transfers.ended(request.sent_id)
        return await self._finish(request, head, reason, attempts=attempts)

    def _wait_s(self, request: Request, active: ActivePlan) -> float:
        return wait_s(
            active,
            elapsed_s=self._clock.now_s() - request.start_s,
            queued_s=self._queued_s(active),
            blocked_s=request.blocked_s(active),
            within_s=request.within_s,
        )

    async def _another(self, request: Request, force: InForce, error: JoulecutError) -> InForce | None:
        """What to send the request under once more, before it is too late for that."""
        elapsed_s, queued_s = self._clock.now_s() - request.start_s, self._queued_s(force.active)
        spare_s = retry_s(force.active, elapsed_s=elapsed_s, queued_s=queued_s, within_s=request.within_s)
        if spare_s is None:
            return None
        found = self._footing.force
        is_lost = not isinstance(error, RemoteFailedError)
        if is_lost and (found.remote is None or found.remote is force.remote):
            successor = await self._successors.wait(self._clock.wall_s(spare_s)) if spare_s > 0.0 else None
            if successor is None:
                return None
            found = successor
        return found if found.remote is not None and found.active.continues(force.active) else None

    async def _finish(self, request: Request, head: Head, reason: FallbackReason, *, attempts: int) -> Answer:
        """The rest from the kept tensors; at the fastest clock where only that keeps the deadline."""
        active, run = head.force.active, head.run
        deadline_s = request.deadline_s(active)
        until_s = None if deadline_s is None else request.start_s + deadline_s

        def rest() -> tuple[tuple[Tensor, ...], Stage]:
            return self._waits.work(lambda: self._runner.rest(active.assignment.cut, run.tensors), took_s=rest_s)

        def hurry() -> tuple[tuple[Tensor, ...], Stage]:
            return self._footing.hurrying(active, until_s=until_s, work=rest)

        start_s = self._clock.now_s()
        try:
            turn = await self.turns.run_rest(in_this_context(hurry))
        except FailedComputationError:
            if reason is FallbackReason.FAILED and head.force.remote is not None:
                head.force.remote.excuse(attempts)
            raise
        outputs, stage = turn.result
        tell_tail(current_span(), stage, start_s=start_s, queue_s=turn.queue_s, now_s=self._clock.now_s())
        ledger = local_ledger(
            request,
            active,
            both(run.head, stage),
            queue_s=head.queue_s + turn.queue_s,
            now_s=self._clock.now_s(),
            figures=self._runner.device.info.figures,
            waits=self._waits,
            encode=run.encode,
            reason=reason,
            attempts=attempts,
            sent_bytes=head.sent_bytes,
        )
        return self._answer(outputs, ledger, active)

    def _split_answer(
        self, request: Request, active: ActivePlan, head: Head, reply: RemoteReply, *, sent_s: float, attempts: int
    ) -> Answer:
        now_s = self._clock.now_s()
        ledger = split_ledger(
            request,
            active,
            head.run,
            reply,
            queue_s=head.queue_s,
            sent_s=sent_s,
            now_s=now_s,
            attempts=attempts,
            figures=self._runner.device.info.figures,
            waits=self._waits,
        )
        if reply.origin is Origin.RECOMPUTED:
            text = "request %s: the server computed it twice; its first answer was kept no longer"
            self._log.warn("requests computed twice", text, request.sent_id)
        if attempts == 1 and reply.origin is Origin.COMPUTED:
            link_s = ledger.seconds.up + ledger.seconds.down
            _, planned_link_s = link_shares(active.link, reply)
            if active.link is not None and planned_link_s is not None:
                self.crossings.add(active.link, predicted_s=planned_link_s, measured_s=link_s)
            self._watch_drift(active, ledger, planned_link_s)
            self.transfers.transferred(
                Transfer(time_s=now_s, up_bytes=reply.uplink_bytes, down_bytes=reply.downlink_bytes, link_s=link_s)
            )
        return self._answer(reply.outputs, ledger, active, reply.origin)

    def _note(
        self,
        error: JoulecutError,
        request: Request,
        head: Head,
        asked: Remote | None,
        *,
        sent_s: float,
        waited_s: float,
    ) -> None:
        """What an unanswered request says about those after it: of the link, and of the server if these go there."""
        now_s, recess = self._clock.now_s(), self._footing.recess
        goes_on = asked is self._footing.force.remote
        if isinstance(error, TurnedAwayError) and goes_on:
            recess.begin(now_s, error.retry_after_s)
        active = head.force.active
        # A caller in a hurry may leave the server less than it needs, which says nothing of the server or its link.
        if isinstance(error, UnansweredError) and waited_s >= min(active.slow_remote_s, patience_s(active)):
            if goes_on:
                recess.missed(now_s)
            self.transfers.transferred(
                Transfer(time_s=now_s, up_bytes=head.sent_bytes, down_bytes=0, link_s=now_s - sent_s, is_over=False),
                deadline_s=request.deadline_s(active),
            )

    def _queued_s(self, active: ActivePlan) -> float:
        """What waits for the device by now, as long as one head each."""
        return 0.0 if active.plan.breakdown is None else self.turns.waiting * active.plan.breakdown.t_edge

    def _watch_drift(self, active: ActivePlan, ledger: RequestLedger, link_s: float | None) -> None:
        # What ends under an older plan, or ran at another clock, says nothing about the one in force.
        if active is self._footing.force.active and not self._footing.is_hasty:
            self.drift.watch(active, ledger, link_s, self._footing.force.remote)

    def _answer(
        self,
        outputs: tuple[Tensor, ...],
        ledger: RequestLedger,
        active: ActivePlan,
        origin: Origin = Origin.COMPUTED,
    ) -> Answer:
        self.counters = counted(self.counters, ledger, deadline_s=active.deadline_s, origin=origin)
        return Answer(outputs=outputs, ledger=ledger)


def _remote_of(force: InForce) -> Remote:
    if force.remote is None:
        raise LinkError("the server was lost while the request was computing")
    return force.remote
