r"""The path of one request through the edge.

    queue -> head -> encode -> server (queue, decode, tail) -> answer
      |                 \-> whatever goes wrong from here on: finish from the kept tensors, locally
      \-> a server that turned a request away and named a time: the whole, locally, until then

A request takes the plan in force when its turn comes, and keeps it: plans change at request
boundaries only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.errors import JoulecutError, LinkError
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import Clock
from joulecut_edge.active_plan import ActivePlan
from joulecut_edge.crossings import Crossings
from joulecut_edge.drift_watch import DriftWatch
from joulecut_edge.estimates import edge_busy_j, encode_j, server_j
from joulecut_edge.recess import Recess
from joulecut_edge.remote import Remote, RemoteReply
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.clock_holder import ClockHolder
from joulecut_runtime.codecs import codec
from joulecut_runtime.device_worker import DeviceWorker
from joulecut_runtime.part_runner import HeadRun, PartRunner, Stage

_LOG = logging.getLogger(__name__)

_PATIENCE = 5.0
"""How many times a request's planned latency to wait for the server before finishing locally."""
_LEAST_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The network's outputs for one request, and where its seconds and joules went."""

    outputs: tuple[Tensor, ...]
    ledger: RequestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Requests answered since the start. `local`: by the edge alone; `fallbacks`: of those, against the plan."""

    requests: int = 0
    split: int = 0
    local: int = 0
    fallbacks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    active: ActivePlan
    run: HeadRun


class EdgeSession:
    """Answers every request exactly once, on whichever sides the plan in force says."""

    def __init__(self, runner: PartRunner, worker: DeviceWorker, clock: Clock, local: ActivePlan) -> None:
        self._runner = runner
        self._worker = worker
        self._clock = clock
        self._holder = ClockHolder(runner.device)
        self._local = local
        self._active = local
        self._remote: Remote | None = None
        self._recess = Recess()
        self._at_home = False
        self.counters = Counters()
        self.drift = DriftWatch(runner.device)
        self.crossings = Crossings()

    @property
    def active(self) -> ActivePlan:
        """The plan in force."""
        return self._active

    async def switch(self, active: ActivePlan, remote: Remote | None) -> None:
        """Put a plan in force at the next request boundary. Raises ClockError where its clock cannot be held."""

        def change() -> None:
            self._runner.prepare(active.assignment.cut, head=True)
            self._holder.hold(active.assignment.edge_clock)
            self._active, self._remote, self._at_home = active, remote, False

        await self._worker.run_regardless(change)

    async def go_local(self) -> None:
        """Carry on alone, under the plan made for that; under the board's governor where its clock is refused."""

        def change() -> None:
            self._runner.prepare(self._local.assignment.cut, head=True)
            self._holder.hold_if_possible(self._local.assignment.edge_clock)
            self._active, self._remote, self._at_home = self._local, None, False

        await self._worker.run_regardless(change)

    @property
    def held(self) -> OperatingPoint | None:
        """The operating point asked for last; None where the device's governor sets the clocks."""
        return self._holder.held

    def verify_clocks(self) -> None:
        """Take clocks again that were lost meanwhile; called from the worker, between two requests."""
        self._holder.verify()

    async def close(self) -> None:
        """Restore the device's clocks after the requests under way."""
        await self._worker.run_regardless(lambda: self._holder.hold(None))
        await self.drift.settle()

    async def infer(self, request_id: str, inputs: Sequence[Tensor]) -> Answer:
        """Answer one request. Raises ContractError where the inputs are not the network's."""
        start_s = self._clock.now_s()
        self._runner.network.whole.check_inputs(inputs)
        turn = await self._worker.run(lambda: self._first_part(inputs))
        head, seconds = turn.result, RequestSeconds(edge_queue=turn.queue_s)
        if not isinstance(head, _Head):
            active, outputs, stage = head
            answer = self._local_answer(request_id, active, outputs, stage, seconds, start_s)
            if not active.offloads:
                self._watch_drift(active, answer.ledger, None)
        else:
            answer = await self._offload(request_id, head, seconds, start_s)
        return answer

    def _first_part(self, inputs: Sequence[Tensor]) -> _Head | tuple[ActivePlan, tuple[Tensor, ...], Stage]:
        active = self._active
        if not active.offloads or self._stays_home(active):
            return (active, *self._runner.whole(inputs))
        wire = codec(active.assignment.codec)
        return _Head(active=active, run=self._runner.head(active.assignment.cut, wire, inputs))

    def _stays_home(self, active: ActivePlan) -> bool:
        """Whether the server wants to be left alone for now; where that lasts, under the local plan's clock."""
        recess = self._recess.lasts(self._clock.now_s())
        if recess is not self._at_home and (self._at_home or self._recess.is_long):
            self._at_home = recess
            self._holder.hold_if_possible((self._local if recess else active).assignment.edge_clock)
        return recess

    async def _offload(self, request_id: str, head: _Head, seconds: RequestSeconds, start_s: float) -> Answer:
        active, run = head.active, head.run
        seconds = replace(seconds, head=run.head.time_s, encode=run.encode.time_s)
        sent_s = self._clock.now_s()
        remote = self._remote or _NOBODY
        try:
            reply = await remote.finish(request_id, active.assignment, run.encoded, timeout_s=_patience_s(active))
        except JoulecutError as error:
            if isinstance(error, TurnedAwayError):
                self._recess.begin(self._clock.now_s(), error.retry_after_s)
            _LOG.warning("request %s: finished locally: %s", request_id, error)
            turn = await self._worker.run(lambda: self._runner.rest(active.assignment.cut, run.tensors))
            outputs, stage = turn.result
            both = Stage(
                time_s=run.head.time_s + stage.time_s,
                energy_j=_sum_j(run.head, stage),
            )
            return self._local_answer(request_id, active, outputs, both, seconds, start_s, encode=run.encode)
        round_trip_s = self._clock.now_s() - sent_s
        server_s = reply.queue_s + reply.decode_s + reply.tail_s
        link_s = max(0.0, round_trip_s - server_s)
        up_share, planned_link_s = _link_shares(active.link, reply)
        if active.link is not None and planned_link_s is not None:
            self.crossings.add(active.link, predicted_s=planned_link_s, measured_s=link_s)
        seconds = replace(
            seconds,
            up=link_s * up_share,
            down=link_s * (1.0 - up_share),
            server_queue=reply.queue_s,
            decode=reply.decode_s,
            tail=reply.tail_s,
            total=self._clock.now_s() - start_s,
        )
        self._count(split=1)
        ledger = self._split_ledger(request_id, head, reply, seconds)
        self._watch_drift(active, ledger, planned_link_s)
        return Answer(outputs=reply.outputs, ledger=ledger)

    def _split_ledger(self, request_id: str, head: _Head, reply: RemoteReply, seconds: RequestSeconds) -> RequestLedger:
        active, run = head.active, head.run
        busy_s = run.head.time_s + run.encode.time_s
        radio_j = 0.0
        if active.link is not None:
            radio_j = 8.0 * (
                active.link.uplink_w * reply.uplink_bytes / active.link.uplink_bps
                + active.link.downlink_w * reply.downlink_bytes / active.link.downlink_bps
            )
        return RequestLedger(
            request_id=request_id,
            epoch=active.assignment.epoch,
            cut=active.assignment.cut,
            codec=active.assignment.codec,
            served_by="server" if active.assignment.cut == 0 else "split",
            fallback=False,
            seconds=seconds,
            joules=RequestJoules(
                edge_busy=_known_j(run.head, edge_busy_j(active, run.head.time_s)),
                edge_wait=active.wait_w * max(0.0, (active.period_s or seconds.total) - busy_s),
                encode=_known_j(run.encode, encode_j(active, run.encode.time_s)),
                radio=radio_j,
                server=server_j(active, decode_s=reply.decode_s, tail_s=reply.tail_s)
                if reply.energy_j is None
                else reply.energy_j,
                server_wait=reply.wait_j or 0.0,
            ),
            # Cut 0 has no head; encoding is always run, and the shortest of all.
            figures=self._figures(run.encode),
        )

    def _local_answer(
        self,
        request_id: str,
        active: ActivePlan,
        outputs: tuple[Tensor, ...],
        stage: Stage,
        seconds: RequestSeconds,
        start_s: float,
        *,
        encode: Stage | None = None,
    ) -> Answer:
        fallback = active.offloads
        total_s = self._clock.now_s() - start_s
        busy_s = stage.time_s + seconds.encode
        self._count(local=1, fallbacks=int(fallback))
        ledger = RequestLedger(
            request_id=request_id,
            epoch=active.assignment.epoch,
            cut=active.assignment.cut,
            codec=active.assignment.codec,
            served_by="edge",
            fallback=fallback,
            seconds=replace(seconds, head=stage.time_s, total=total_s),
            joules=RequestJoules(
                edge_busy=_known_j(stage, edge_busy_j(active, stage.time_s)),
                edge_wait=active.wait_w * max(0.0, (active.period_s or total_s) - busy_s),
                encode=0.0 if encode is None else _known_j(encode, encode_j(active, encode.time_s)),
            ),
            figures=self._figures(stage),
        )
        return Answer(outputs=outputs, ledger=ledger)

    def _watch_drift(self, active: ActivePlan, ledger: RequestLedger, link_s: float | None) -> None:
        # What ends under an older plan says nothing about the one in force.
        if active is self._active:
            self.drift.watch(active, ledger, link_s, self._remote)

    def _figures(self, stage: Stage) -> FigureKind:
        return FigureKind.ESTIMATED if stage.energy_j is None else self._runner.device.info.figures

    def _count(self, *, split: int = 0, local: int = 0, fallbacks: int = 0) -> None:
        was = self.counters
        self.counters = Counters(
            requests=was.requests + 1,
            split=was.split + split,
            local=was.local + local,
            fallbacks=was.fallbacks + fallbacks,
        )


def _known_j(stage: Stage, estimate_j: float) -> float:
    return estimate_j if stage.energy_j is None else stage.energy_j


def _sum_j(head: Stage, rest: Stage) -> float | None:
    """Joules of both; None where one of them ran and has none."""
    if rest.energy_j is None or (head.energy_j is None and head.time_s > 0):
        return None
    return (head.energy_j or 0.0) + rest.energy_j


def _link_shares(link: LinkEstimate | None, reply: RemoteReply) -> tuple[float, float | None]:
    """Of a request's time on the link, as far as its estimate tells: the share of the way up, and seconds in all."""
    if link is None:
        return 0.5, None
    up_s = 8.0 * reply.uplink_bytes / link.uplink_bps + link.rtt_s / 2
    down_s = 8.0 * reply.downlink_bytes / link.downlink_bps + link.rtt_s / 2
    return up_s / (up_s + down_s) if up_s + down_s > 0 else 0.5, up_s + down_s


class _Nobody:
    """What stands in for a server that was lost while a request was computing."""

    async def finish(
        self, request_id: str, assignment: Assignment, encoded: Sequence[TensorFrame], *, timeout_s: float
    ) -> RemoteReply:
        """Nobody answers."""
        del assignment, encoded, timeout_s
        raise LinkError(f"the server was lost while {request_id} was computing")

    async def device_state(self) -> DeviceState:
        """Nobody tells."""
        raise LinkError("the server was lost")


_NOBODY: Remote = _Nobody()


def _patience_s(active: ActivePlan) -> float:
    return max(_LEAST_PATIENCE_S, _PATIENCE * (active.plan.latency_bound_s or 0.0))
