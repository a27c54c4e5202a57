"""The server's part of requests: checked against their plan's epoch, run on the device, answered once each.

    header   ─▶ epoch, network, cut and codec those of the session? a device, a place?
    request  ─▶ answered before? ─▶ in turn on the device: decode, tail ─▶ reply

A stream's requests are read while earlier ones compute. A request that is stale, malformed or
refused is answered with the reason; only a broken frame or a peer that stands still ends the stream.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from joulecut_core.errors import ConfigError, ContractError, DeviceError, JoulecutError, LinkError
from joulecut_core.plans import Assignment
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, Request, RequestHeader
from joulecut_proto.inference_refusals import StreamRefusedError, TurnedAwayError
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.failed_computation import FailedComputationError
from joulecut_runtime.execution.fair_turns import FairTurns
from joulecut_server.limits import Limits
from joulecut_server.reporting.device_watch import DeviceWatch
from joulecut_server.requests.edge_stream import EdgeStream
from joulecut_server.requests.recent import Answered, RecentRequests, Work
from joulecut_server.requests.refusal_log import RefusalLog
from joulecut_server.requests.reply_observer import ReplyObservers
from joulecut_server.requests.slow_peers import SlowPeers
from joulecut_server.requests.spans import RequestSpans
from joulecut_server.requests.stream_room import Place, Room, StreamRoom
from joulecut_server.requests.works import ScheduledWork, WorkInTurn
from joulecut_server.served_network import ServedNetworks
from joulecut_server.serving.scheduler import Scheduler
from joulecut_server.sessions.sessions import SessionBook
from joulecut_server.sessions.streams import SessionStreams

_LOG = logging.getLogger(__name__)

_IN_LOG = DeviceError("the server's log has the details")


class ServerInference:
    """Implements the Inference service."""

    def __init__(
        self,
        networks: ServedNetworks,
        sessions: SessionBook,
        worker: DeviceWorker,
        streams: SessionStreams,
        *,
        scheduler: Scheduler | None,
        limits: Limits,
        watch: DeviceWatch,
        spans: RequestSpans,
        follow: Callable[[str, Assignment], None],
        share_of: Callable[[str], str],
        priority_of: Callable[[str, int], int],
    ) -> None:
        """`scheduler`: None runs requests as they come. `spans`: who is told where requests' time went.

        `follow` is told of each request's session and plan, as edges change between plans of one set by themselves.
        Sessions for which `share_of` gives the same share the device's time between them; `priority_of` gives the
        priority of a session's request that asks for one.
        """
        self._limits = limits
        self._networks = networks
        self._sessions = sessions
        self._scheduler = scheduler
        self._watch = watch
        self._turns = FairTurns(worker, waiting=self._limits.waiting)
        self.recent = RecentRequests(self._limits, worker.clock)
        self.recent.computed = self._computed
        self.room = Room(self._limits)
        self.slow_peers = SlowPeers(self._limits.stall_s, self._limits.transfer_s)
        self.observers = ReplyObservers()
        """Told of each request and its reply, refusals too."""
        self._spans = spans
        self._follow = follow
        self._share_of = share_of
        self._priority_of = priority_of
        self.draining = False
        """New requests are refused."""
        self._streams: dict[InferenceServerStream, EdgeStream] = {}
        self._speaking = streams
        self._forgetting: set[asyncio.Task[None]] = set()

    @property
    def streams(self) -> int:
        """Edges connected now."""
        return len(self._streams)

    @property
    def waiting(self) -> int:
        """Requests that arrive, wait for the device or compute now."""
        return self.room.requests

    @property
    def device_is_well(self) -> bool:
        """Whether the device can compute, as far as anybody has looked."""
        return self._watch.well

    def change_limits(self, limits: Limits) -> None:
        """Bear other amounts from now on; what is held already beyond them stays."""
        self._limits = self.recent.limits = self.room.limits = limits
        self.slow_peers.change(limits.stall_s, limits.transfer_s)
        self._turns.most = limits.waiting

    def cut_off(self, stream: InferenceServerStream, reason: JoulecutError) -> None:
        """End a stream at once, with the status of `reason`; one that has ended already is no error."""
        served = self._streams.get(stream)
        if served is not None:
            served.cut_off(reason)

    def drain(self) -> None:
        """Refuse new requests from now on and end streams once theirs are answered; edges then run locally."""
        self.draining = True
        for served in self._streams.values():
            served.drain()

    async def serve(self, stream: InferenceServerStream) -> None:
        """One edge's requests, until it ends its stream or this server drains.

        Raises StreamRefusedError where there are too many streams, and where it is cut off.
        """
        if len(self._streams) >= self._limits.streams:
            raise StreamRefusedError(
                f"{len(self._streams)} streams are open, the most that this server holds; try another server, or later"
            )

        async def admit(header: RequestHeader, room: StreamRoom) -> Place | ReplyHeader:
            found = await self._admit(header, room, told)
            if isinstance(found, Place):
                found.admitted_s = self._spans.clock.now_s()
                self._speaking.heard(stream, header.session_id, header.epoch)
            return found

        async def answer(request: Request, place: Place) -> Answered | None:
            return await self._answer(request, place, stream.owner, told)

        told = RefusalLog()
        served = EdgeStream(stream, self.room.for_stream(), admit, answer, self._spans)
        self._streams[stream] = served
        self._speaking.open(stream)
        self.slow_peers.watch(stream, served.cut_off)
        if self.draining:
            served.drain()
        try:
            await served.serve()
        finally:
            del self._streams[stream]
            self.slow_peers.forget(stream)
            # Where the edge is lost this call is cancelled, perhaps in the middle of it.
            forgetting = asyncio.create_task(self._speaking.close(stream))
            self._forgetting.add(forgetting)
            forgetting.add_done_callback(self._forgetting.discard)
            await asyncio.shield(forgetting)

    async def _admit(self, header: RequestHeader, room: StreamRoom, told: RefusalLog) -> Place | ReplyHeader:
        """A place, or the refusal of a request by its header alone: its tensors are then not taken in."""
        try:
            self._check(header)
            priority = self._priority_of(header.session_id, header.priority)
            place = await room.place(header.total_bytes, self._share_of(header.session_id))
            place.priority = priority
        except JoulecutError as error:
            refused = self._refused(header, error, told)
            self.observers.replied(header, refused)
            return refused
        return place

    def _check(self, header: RequestHeader) -> None:
        if self.draining:
            raise TurnedAwayError("this server is stopping", ReplyStatus.DRAINING)
        if not self.device_is_well:
            raise TurnedAwayError("this server's device is lost; the server's log says how", ReplyStatus.FAILED)
        try:
            assignment = self._sessions.check(
                header.session_id,
                epoch=header.epoch,
                network_digest=header.network_digest,
                cut=header.cut,
                codec=header.codec,
                variant=header.variant,
            )
            self._networks.find(header.network_digest)
            self._follow(header.session_id, assignment)
        except ContractError as error:
            raise TurnedAwayError(str(error), ReplyStatus.STALE) from error

    async def _answer(self, request: Request, place: Place, owner: str, told: RefusalLog) -> Answered | None:
        """What is replied to a request; None where it came again meanwhile, and is answered there."""
        header = request.header
        try:
            answered = await self.recent.answer(request, lambda first: self._begin(first, place), owner=owner)
            if answered is None:
                return None
            reply, frames = answered
            reply = replace(reply, current_epoch=self._sessions.current_epoch(header.session_id))
            if reply.origin is not Origin.KEPT:
                self._watch.succeeded()
        except Exception as error:  # noqa: BLE001 - of torch, a codec or a policy: it is told, and ends nothing
            reply, frames = self._refused(header, error, told), ()
        self.observers.replied(header, reply)
        return reply, frames

    def _computed(self, header: RequestHeader, reply: ReplyHeader) -> None:
        self.observers.computed(header, reply)

    def _begin(self, request: Request, place: Place) -> Work:
        if self._scheduler is not None:
            header = request.header
            if place.priority != header.priority:
                request = replace(request, header=replace(header, priority=place.priority))
            spare_loss = self._sessions.spare_loss(header.session_id, header.epoch)
            return ScheduledWork(self._scheduler, request, place, spare_loss=spare_loss)
        runner = self._networks.find(request.header.network_digest).runner
        return WorkInTurn(self._turns, runner, request, place)

    def _refused(self, header: RequestHeader, error: Exception, log: RefusalLog) -> ReplyHeader:
        status, told, retry_after_s = self._verdict(header, error)
        log.refused(header, status, error)
        return ReplyHeader(
            request_id=header.request_id,
            current_epoch=self._sessions.current_epoch(header.session_id),
            status=status,
            message=str(told),
            retry_after_s=retry_after_s,
        )

    def _verdict(self, header: RequestHeader, error: Exception) -> tuple[ReplyStatus, JoulecutError, float]:
        """Status, what the edge is told, and when to try again."""
        if isinstance(error, TurnedAwayError):
            return error.status, error, error.retry_after_s
        if isinstance(error, ContractError | ConfigError):
            return ReplyStatus.INVALID, error, 0.0
        if isinstance(error, LinkError):
            return ReplyStatus.FAILED, error, 0.0
        if isinstance(error, FailedComputationError):
            # A lost device may show so too; an edge can send such requests by the thousand.
            _LOG.debug("request %.80r of %.80r failed", header.request_id, header.session_id, exc_info=error)
            self._watch.doubt()
            return ReplyStatus.FAILED, _IN_LOG, 0.0
        _LOG.error("request %.80r of %.80r failed", header.request_id, header.session_id, exc_info=error)
        if isinstance(error, DeviceError):
            self._watch.failed(error)
        else:
            self._watch.doubt()
        return ReplyStatus.FAILED, _IN_LOG, 0.0
