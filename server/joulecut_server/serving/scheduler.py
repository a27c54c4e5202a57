"""Runs the requests of all edges on one device, as serving policies decide.

    event loop      request ─▶ gate: late? full? ─▶ lane ─ ─ ─ ┐           answer or refusal
                                                               ▼                 ▲
    device thread         ... decide ▸ batch ▸ decide ▸ batch ▸ decide ▸ rest ... ┘

Decisions and batches follow one another on the device's own thread, so that a request alone waits for one thread
and no more. Other work of that thread (plans put in force, clocks looked after) takes its turn between batches.
Times are seconds of the agents' clock since the scheduler was made.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.serving import BatchOutcome, Launch, QueuedRequest, Rejection, RejectReason, Rest
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import is_set_within
from joulecut_planner.serving.joint.limits import batch_s
from joulecut_proto.inference_messages import ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.wires.codecs import Codec
from joulecut_server.serving.alarm import Alarm
from joulecut_server.serving.batch_run import BatchRun
from joulecut_server.serving.energy_books import EnergyBooks
from joulecut_server.serving.lane import NetworkLane
from joulecut_server.serving.policy_clocks import PolicyClocks
from joulecut_server.serving.ticket import Ticket

_LOG = logging.getLogger(__name__)

_STATUS = {
    RejectReason.LATE: ReplyStatus.LATE,
    RejectReason.FULL: ReplyStatus.OVERLOADED,
    RejectReason.OVERLOAD: ReplyStatus.OVERLOADED,
    RejectReason.DRAINING: ReplyStatus.DRAINING,
}
_SHORT_S = 2e-3
"""Wall seconds: rests no longer than this are kept on the device's thread, since the event loop's timers are coarse."""
_MAKE_WAY_S = 5e-4
"""Wall seconds in which answers leave before a device with nothing left to run is thought about again."""
_MOST_UNREAD = 16
"""Batches between two readings of the meter where the device never rests: a real one takes a while to read."""
_MOST_EARLY = 0.05
"""Of the usual deadline is a rest ended early at most, since timers wake late."""
_LEAST_REST_S = 1e-4
"""A rest that has ended before it began must not keep the thread from everything else."""


class Scheduler:
    """Admits requests, runs them, shares out their joules. `keep` runs as a task for as long as requests are served."""

    def __init__(
        self,
        lanes: Sequence[NetworkLane],
        *,
        device: Device,
        worker: DeviceWorker,
        clocks: PolicyClocks,
        slo_s: float,
    ) -> None:
        self.books = EnergyBooks()
        self._lanes = {lane.runner.network.table.digest: lane for lane in lanes}
        self._device = device
        self._worker = worker
        self._clocks = clocks
        self._clock = worker.clock
        self._slo_s = slo_s
        self._origin_s = worker.clock.now_s()
        self._ids = itertools.count()
        self._wanted = asyncio.Event()
        self._arrived = threading.Event()
        self._running: tuple[NetworkLane, int] | None = None
        self._free_s = 0.0
        self._alarm = Alarm(_MOST_EARLY * slo_s)
        self._unread = 1
        self._made_way = False
        self._closed = False

    def enter(
        self,
        header: RequestHeader,
        codec: Codec,
        frames: Sequence[TensorFrame],
        *,
        edge: str,
        spare_loss: float = 0.0,
    ) -> Ticket:
        """Let in one request of a network that is served here; its ticket has the answer, or takes it out again.

        `spare_loss`: how much accuracy its edge can do without; it never runs in a precision that costs more.
        Raises TurnedAwayError where it is refused at once. The answer raises that where it is not run, ContractError
        where its payload does not fit the cut, FailedComputationError where it cannot be computed with what it brings,
        DeviceError where the device fails.
        """
        lane = self._lanes[header.network_digest]
        now_s = self._now_s()
        budget_s = self._slo_s if header.budget_s is None else min(header.budget_s, self._slo_s)
        reserve_s = min(lane.overrun.seconds, budget_s)
        request = QueuedRequest(
            id=next(self._ids),
            arrival_s=now_s,
            deadline_s=now_s + budget_s - reserve_s,
            entry=lane.units.unit_of(header.cut),
            edge=edge,
            priority=header.priority,
        )
        refusal = self._refusal_at_the_door(lane, request, spare_loss)
        if refusal is not None:
            # One that would be late even on an idle device is no load, and policies are not to go by its deadline.
            if request.arrival_s + lane.alone_s(request.entry, spare_loss) <= request.deadline_s:
                lane.pass_by(request)
            self._wake()
            raise refusal
        ticket = Ticket(
            request,
            cut=header.cut,
            codec=codec,
            frames=frames,
            entered_s=self._clock.now_s(),
            reserve_s=reserve_s,
            leave=lambda: bool(lane.take((request.id,))),
            spare_loss=spare_loss,
        )
        leaving = lane.enter(ticket)
        if leaving is not None:
            leaving.refuse(self._turned_away(lane, Rejection(leaving.request.id, RejectReason.FULL)))
        self._wake()
        return ticket

    async def keep(self) -> None:
        """Decide and run until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._wanted.clear()
            try:
                until_s = (await self._worker.run(self._turn)).result
            except Exception as error:  # noqa: BLE001 - a host without a thread now has one for those to come
                self._give_up(self._lanes.values(), "the scheduler", error)
                until_s = float("inf")
            left_s = until_s - self._now_s()
            timer = None
            if self._made_way:
                self._made_way = False
                timer = loop.call_later(_MAKE_WAY_S, self._wanted.set)
            elif left_s <= 0.0:
                self._wanted.set()
            elif left_s < float("inf"):
                wait_s = max(self._clock.wall_s(left_s) - _SHORT_S / 2, 0.0)
                timer = loop.call_later(wait_s, self._wanted.set)
            await self._wanted.wait()
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Turn away all that still waits."""
        self._closed = True
        for lane in self._lanes.values():
            for ticket in lane.take_all():
                ticket.refuse(self._turned_away(lane, Rejection(ticket.request.id, RejectReason.DRAINING)))

    def _wake(self) -> None:
        self._arrived.set()
        self._wanted.set()

    def _now_s(self) -> float:
        return self._clock.now_s() - self._origin_s

    def _refusal_at_the_door(
        self, lane: NetworkLane, request: QueuedRequest, spare_loss: float
    ) -> TurnedAwayError | None:
        """Why a request cannot be in time even if nothing else waits; the policy judges all others."""
        if self._closed:
            return self._turned_away(lane, Rejection(request.id, RejectReason.DRAINING))
        running = self._running
        busy_s = 0.0
        if running is not None and not (running[0] is lane and request.entry > running[1]):
            busy_s = max(self._free_s - request.arrival_s, 0.0)
        if request.arrival_s + busy_s + lane.alone_s(request.entry, spare_loss) <= request.deadline_s:
            return None
        return self._turned_away(lane, Rejection(request.id, RejectReason.LATE, busy_s))

    def _turned_away(self, lane: NetworkLane, rejection: Rejection) -> TurnedAwayError:
        reason = rejection.reason
        running = self._running
        if running is None or running[0] is not lane:
            lane.doubt_overrun(self._now_s())
        retry_s = rejection.retry_after_s
        if reason in (RejectReason.FULL, RejectReason.OVERLOAD) and retry_s == 0.0:
            retry_s = max(self._free_s - self._now_s(), 0.0) + lane.backlog_s()
        return TurnedAwayError(f"{reason.value}: {_WHY[reason]}", _STATUS[reason], retry_s)

    def _turn(self) -> float:
        """Decide and run until there is nothing to do for a while, or others want the thread; until when to rest."""
        while not self._closed:
            try:
                until_s = self._step()
            except Exception as error:  # noqa: BLE001 - what fails in one turn must not end those to come
                self._give_up(self._lanes.values(), "the scheduler", error)
                return float("inf")
            now_s = self._now_s()
            if until_s is None:
                self._made_way = not any(map(len, self._lanes.values()))
                if self._made_way or self._worker.waiting > 1:
                    return now_s
                continue
            if until_s == float("inf") or self._worker.waiting > 1 or self._clock.wall_s(until_s - now_s) > _SHORT_S:
                return until_s
            if not is_set_within(self._arrived, max(self._clock.wall_s(until_s - now_s), 0.0)):
                self._clock.sleep_until_s(self._origin_s + until_s)
        return float("inf")

    def _step(self) -> float | None:
        """One decision: None where a batch ran, else until when to rest."""
        self._arrived.clear()
        if self._unread >= _MOST_UNREAD:
            self._read_meter()
        moment_s = self._alarm.moment_s(self._now_s())
        wishes, until_s = [], float("inf")
        lanes = sorted(self._lanes.values(), key=NetworkLane.urgency)
        for asked, lane in enumerate(lanes, 1):
            try:
                rest = self._serve(lane, moment_s)
            except Exception as error:  # noqa: BLE001 - a policy's defect must not stop the server
                self._give_up((lane,), f"serving policy {lane.policy.name}", error)
                continue
            if rest is None:
                # Others' turn may not come for as long as this one has more urgent requests.
                for other in lanes[asked:]:
                    self._overload(other, other.passed_over(self._now_s()))
                return None
            wishes.append(lane.points[rest.point])
            until_s = min(until_s, self._end_of(rest, lane))
        if self._unread:
            self._read_meter()
        if wishes:
            self._clocks.hold(max(wishes, key=lambda point: (point.memory_mhz or 0.0, point.core_mhz)))
        return self._alarm.due_s(until_s, self._now_s())

    def _read_meter(self) -> None:
        self._unread = 0
        try:
            self.books.read(self._device.state().energy_j)
        except DeviceError as error:
            self.books.read(None)
            _LOG.warning("the meter cannot be read: %s", error)

    def _serve(self, lane: NetworkLane, moment_s: float) -> Rest | None:
        """Carry out one decision of a lane's policy: None where a batch ran."""
        self._overload(lane, lane.without_a_chance(moment_s))
        while True:
            decision, tickets = lane.decide(moment_s, self._point(lane))
            for rejection in decision.rejected:
                for ticket in lane.take((rejection.id,)):
                    ticket.refuse(self._turned_away(lane, rejection))
            if isinstance(decision, Rest) and not lane.has_newcomers():
                return decision
            if isinstance(decision, Launch):
                if tickets:
                    self._run(lane, decision, tickets)
                return None

    def _overload(self, lane: NetworkLane, tickets: Iterable[Ticket]) -> None:
        for ticket in tickets:
            ticket.refuse(self._turned_away(lane, Rejection(ticket.request.id, RejectReason.OVERLOAD)))

    def _end_of(self, rest: Rest, lane: NetworkLane) -> float:
        """When to decide again; whatever a policy rests for, those who wait are looked at before they are late."""
        now_s = self._now_s()
        until_s = min(float("inf") if rest.until_s is None else rest.until_s, lane.first_deadline_s())
        return until_s if until_s > now_s else now_s + (0.0 if rest.rejected else _LEAST_REST_S)

    def _run(self, lane: NetworkLane, launch: Launch, tickets: list[Ticket], *, joined: bool = True) -> None:
        launch = lane.suited(launch, tickets)

        def hold(unit: int, members: int) -> None:
            self._clocks.hold(lane.points[launch.points[unit]])
            seconds = lane.costs.unit_s[launch.variant][members - 1]
            rest_s = sum(seconds[each][launch.points[each]] for each in range(unit, len(seconds)))
            self._free_s = self._now_s() + rest_s
            self._running = (lane, unit)

        def join(cut: int, batch: int) -> list[Ticket]:
            return lane.joining(self._now_s(), self._point(lane), cut, batch, launch.variant) if joined else []

        start_s, held = self._now_s(), self._point(lane)
        run = BatchRun(lane, launch, self._clock, hold, join)
        try:
            run.run(tickets)
            took_s = self._now_s() - start_s
            self._settle(run)
        except FailedComputationError as error:
            self._settle_failed(lane, launch, run, tickets, error)
            return
        except Exception as error:
            failure = error if isinstance(error, DeviceError) else RuntimeError(f"the batch failed: {error}")
            for ticket in (*tickets, *run.joined):
                ticket.refuse(failure)
            if not isinstance(error, (DeviceError, RuntimeError)):
                raise
            _LOG.exception("a batch of %d of %s failed", len(tickets), lane.table.network)
            return
        finally:
            self._running = None
        if len(run.running) == len(tickets):
            entries = [ticket.request.entry for ticket in tickets]
            planned_s = batch_s(lane.costs, launch.variant, launch.points, entries, held)
            lane.overran(took_s - planned_s, self._now_s())
        outcome = self._outcome(run, start_s)
        if outcome is not None:
            lane.completed(outcome)

    def _settle_failed(
        self, lane: NetworkLane, launch: Launch, run: BatchRun, tickets: Sequence[Ticket], error: FailedComputationError
    ) -> None:
        """Refuse the one that it failed for; of several, whoever can is run alone."""
        for ticket, malformed in run.failed:
            ticket.refuse(malformed)
        malformed_tickets = {ticket for ticket, _ in run.failed}
        members = [each for each in (*tickets, *run.joined) if each not in malformed_tickets]
        if len(members) == 1:
            members[0].refuse(error)
            return
        try:
            for ticket in members:
                self._run(lane, replace(launch, batch=1), [ticket], joined=False)
        except Exception:
            for ticket in members:
                ticket.refuse(error)
            raise

    def _settle(self, run: BatchRun) -> None:
        for ticket, error in run.failed:
            ticket.refuse(error)
        if run.running:
            wait_j = self.books.close_batch(run.energy_j)
            for ticket, served in run.answers(wait_j, self._device.info.figures):
                ticket.serve(served)
            self._unread += 1

    def _outcome(self, run: BatchRun, start_s: float) -> BatchOutcome | None:
        members = [member.ticket.request for member in run.running]
        if not members:
            return None
        end_s = self._now_s()
        first = run.lane.units.unit_of(min(member.ticket.cut for member in run.running))
        return BatchOutcome(
            start_s=start_s,
            end_s=end_s,
            batch=len(members),
            variant=run.launch.variant,
            point=run.launch.points[first],
            energy_j=run.energy_j,
            mean_response_s=sum(end_s - request.arrival_s for request in members) / len(members),
            late=sum(end_s > member.ticket.promised_s for member in run.running),
        )

    def _point(self, lane: NetworkLane) -> int:
        return lane.held(self._clocks.wanted)

    def _give_up(self, lanes: Iterable[NetworkLane], what: str, error: Exception) -> None:
        _LOG.error("%s failed; the requests that wait are left to their edges", what, exc_info=error)
        for lane in lanes:
            for ticket in lane.take_all():
                ticket.refuse(RuntimeError(f"{what} failed"))


_WHY = {
    RejectReason.LATE: "even alone and at the highest clock it would miss its deadline",
    RejectReason.FULL: "the places for waiting requests are taken",
    RejectReason.OVERLOAD: "more urgent requests leave no time for it",
    RejectReason.DRAINING: "this server is stopping",
}
