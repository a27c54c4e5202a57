"""A connected server: one channel, one inference stream, answers matched to requests.

Opened whole or not at all; once anything breaks it is `lost` for good, and another one is opened. `silent`: nothing has
come back for a while, be it that it is broken or slow; a reply ends that. `leaving`: it asks for no new requests; those
under way still get their answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from torch import Tensor

from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.plans import Assignment
from joulecut_core.spans import current_span
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.time_limits import within
from joulecut_core.timing import Clock
from joulecut_edge.peers.link_probe import EchoSample
from joulecut_edge.peers.remote import RemoteFailedError, RemoteReply, UnansweredError, UnsentError
from joulecut_edge.peers.standing import MOST_UNUSABLE, SILENCE_S, Standing
from joulecut_proto.affinity import AffineChannel
from joulecut_proto.agent_messages import Echo, Hello, HelloReply, Side
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.contract import CONTRACT_VERSION, check_slowdown
from joulecut_proto.health_watch import serving_states
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_runtime.networks.network import Network
from joulecut_runtime.wires.codecs import codec, decode_expected

_LOG = logging.getLogger(__name__)

_DECODE_REPLY = "decode reply"
"""The span of that, within the one of the attempt."""
_CALL_S = 10.0
"""Wall seconds that a short call to a server may take before it counts as unreachable."""
_HELLO_S = 3.0
_METER_S = 86_400.0
"""Clocks of two hosts cannot be compared, so how long the server is asked to wait is not known here; who asks the edge
ends the wait sooner."""
_SERVED_SHARE = 0.8
"""Of the time that an answer is waited for, what the server may use; the rest is for the way there and back."""
_LONGEST_MESSAGE = 1000
"""Of a refusal's words, several times what a server says: they go into the log, request after request."""


class ServerConnection:
    """Implements `Remote` over gRPC."""

    def __init__(
        self,
        address: str,
        *,
        session_id: str,
        clock: Clock,
        security: ChannelSecurity | None,
        server_name: str = "",
        affinity: str = "",
        priority: int = 0,
        silence_s: float = SILENCE_S,
    ) -> None:
        """`server_name`: the name in the server's certificate where it is not the address's host.

        `affinity`: which server behind a balancer it must be, as an earlier connection's; empty for any. `priority`: of
        every request.
        """
        self.address = address
        self.session_id = session_id
        self._priority = priority
        self._clock = clock
        self._calls = AffineChannel(open_channel(address, security, server_name=server_name), affinity=affinity)
        self._channel = self._calls.as_channel
        self._peer = f"server {address}"
        self.agent = AgentClient(self._channel, peer=self._peer)
        self.planner = PlannerClient(self._channel, peer=self._peer)
        self._stream: InferenceClientStream | None = None
        self._sending = asyncio.Lock()
        self._standing = Standing(self._peer, silence_s=silence_s)
        self._waiting: dict[str, asyncio.Future[Reply | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = ""
        """Why the stream ended. The text alone: an error that is kept keeps its frame, and the connection with it."""
        self.lost = asyncio.Event()
        self.silent, self.heard = self._standing.silent, self._standing.heard
        """`heard`: a reply came in time."""
        self.leaving = asyncio.Event()
        self.successor: ServerConnection | None = None
        """The fresh one to the same server that takes its place, from the moment that requests go there."""
        self.dropped = 0
        """Replies that came when nobody waited for them any more."""
        self.newest_epoch = 0
        """The first epoch of the plans that this edge put in force last; 0 where that is not known."""
        self.opened_within_s = 0.0
        """Wall seconds in which it was opened and greeted: several round trips."""
        self.name = ""
        """How the server calls itself, once it has been greeted."""
        self._instance = ""
        self.network: Network | None = None
        self.device: DeviceInfo | None = None
        """What it computes on, once it has said so."""

    @property
    def affinity(self) -> str:
        """Which server behind a balancer this is; empty before its greeting, and where there is no balancer."""
        return self._calls.affinity

    async def hello(self, name: str, slowdown: float) -> HelloReply:
        """Agree on the contract, and open the stream to the server that answered.

        Raises LinkError where nobody answers, ContractError where versions differ.
        """
        hello = Hello(contract_version=CONTRACT_VERSION, name=name, side=Side.EDGE, slowdown=slowdown)
        reply = await self.agent.hello(hello, timeout_s=_HELLO_S)
        check_slowdown(reply.slowdown, slowdown, peer=reply.name)
        self.name, self._instance = reply.name, reply.instance
        await self._calls.learn()
        self.open_stream()
        return reply

    @property
    def is_barren(self) -> bool:
        """Whether requests were sent and not one was answered."""
        return self._standing.is_barren

    @property
    def latest(self) -> ServerConnection:
        """This one, or the last of those that took its place: what was begun over this one goes on there."""
        latest = self
        while latest.successor is not None:
            latest = latest.successor
        return latest

    @property
    def server(self) -> str:
        """What tells the process that answers from any other; its address where it does not say."""
        return self._instance or self.address

    def ends_where(self, other: ServerConnection) -> bool:
        """Whether both reach the same process, as far as servers tell; a proxy may connect each to another one."""
        return not self._instance or not other._instance or self._instance == other._instance

    def open_stream(self) -> None:
        """Open the stream of requests; a greeting has done so. Once for a connection."""
        self._stream = InferenceClientStream(self._channel, peer=self._peer, session_id=self.session_id)
        self._begin(self._read_replies(self._stream))

    async def watch_health(self) -> None:
        """Follow the server's health from now on.

        Raises LinkError where it takes no requests now, or has ended the stream for them by then, as one that has all
        the streams that it holds.
        """
        known = asyncio.Event()
        self._begin(self._follow_health(known))
        try:
            await within(known.wait(), _HELLO_S)
        except asyncio.TimeoutError as error:
            raise LinkError(f"{self._peer} did not tell within {_HELLO_S} s whether it takes requests") from error
        if self.lost.is_set():
            raise LinkError(self._ended)
        if self.leaving.is_set():
            raise LinkError(f"{self._peer} takes no requests now; try again later")

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        """One probe of the link, timed by this side's clock."""
        probe = Echo(payload=bytes(up_bytes), reply_bytes=down_bytes)
        start_s = self._clock.now_s()
        reply = await self.agent.echo(probe, timeout_s=_CALL_S + self._clock.wall_s(1.0))
        return EchoSample(elapsed_s=self._clock.now_s() - start_s, server_s=reply.server_s)

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        """The server's energy counter at its first tick from `not_before_s` on, a time of the server's own clock."""
        return await self.agent.read_meter(not_before_s, timeout_s=_METER_S)

    async def finish(
        self,
        request_id: str,
        assignment: Assignment,
        encoded: Sequence[TensorFrame],
        *,
        timeout_s: float,
        attempt: int = 0,
    ) -> RemoteReply:
        """See `Remote.finish`."""
        if self.network is None:
            raise LinkError(f"{self._peer}: no network agreed on yet")
        if self.lost.is_set():
            raise UnsentError(f"{self._peer} was lost before {request_id} was sent")
        header = RequestHeader(
            session_id=self.session_id,
            request_id=request_id,
            epoch=assignment.epoch,
            network_digest=assignment.network_digest,
            cut=assignment.cut,
            codec=assignment.codec,
            variant=assignment.variant,
            budget_s=_SERVED_SHARE * timeout_s,
            priority=self._priority,
            attempt=attempt,
            traceparent=current_span().traceparent,
        )
        reply = await self._exchanged(header, encoded, timeout_s)
        if reply.header.status is ReplyStatus.STALE and self._is_refused_for_good(assignment.epoch, reply.header):
            _LOG.warning("%s has forgotten epoch %d: joining it again", self._peer, assignment.epoch)
            self.lost.set()
        if reply.header.status is ReplyStatus.DRAINING:
            self.leaving.set()
        try:
            outputs = self._outputs_of(reply, self.network)
        except TurnedAwayError:
            raise
        except JoulecutError:
            if self._standing.of_no_use() and not self.lost.is_set():
                _LOG.warning("%s: %d replies in a row of no use: joining it again", self._peer, MOST_UNUSABLE)
                self.lost.set()
            raise
        self._standing.of_use()
        return RemoteReply(
            outputs=outputs,
            queue_s=reply.header.queue_s,
            decode_s=reply.header.decode_s,
            tail_s=reply.header.tail_s,
            energy_j=reply.header.server_energy_j,
            wait_j=reply.header.server_wait_j,
            variant=reply.header.variant,
            uplink_bytes=sum(frame.size_bytes for frame in encoded),
            downlink_bytes=reply.header.total_bytes,
            figures=reply.header.figures,
            origin=reply.header.origin,
        )

    def excuse(self, attempts: int) -> None:
        """See `Remote.excuse`."""
        self._standing.excuse(attempts)

    async def device_state(self) -> DeviceState:
        """See `Remote.device_state`."""
        return (await self.agent.state(timeout_s=_CALL_S)).device

    async def close(self) -> None:
        """End the stream and the channel; waiting requests fail with LinkError."""
        self.lost.set()
        if self._stream is not None:
            self._stream.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stream = None  # it would keep the socket
        await self._channel.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work until its end or the connection's, and keep nothing of it: what keeps this keeps its sockets."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchanged(self, header: RequestHeader, encoded: Sequence[TensorFrame], timeout_s: float) -> Reply:
        """The reply to a request, if it comes in time; if not, it is no longer waited for, and dropped."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Reply | None] = loop.create_future()
        self._waiting[header.request_id] = answer
        self._standing.asked()
        # A task of its own: a caller that gives up must not leave half a request on the stream.
        sending = asyncio.create_task(self._send(header, encoded, answer))
        sending.add_done_callback(_forget)
        too_late = loop.call_later(self._clock.wall_s(timeout_s), _give_up, answer)
        try:
            reply = await answer
            if reply is not None:
                self.heard.set()
                return reply
        finally:
            too_late.cancel()
            if self._waiting.get(header.request_id) is answer:
                del self._waiting[header.request_id]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # heard, even where the caller has left
        self._standing.missed()
        raise UnansweredError(f"{self._peer} did not answer {header.request_id} within {timeout_s:.3f} s")

    async def _send(
        self, header: RequestHeader, encoded: Sequence[TensorFrame], answer: asyncio.Future[Reply | None]
    ) -> None:
        async with self._sending:
            if answer.done():
                return  # given up before its turn came
            if self._stream is None:
                answer.set_exception(LinkError(f"{self._peer}: not greeted yet"))
                return
            try:
                await self._stream.send(header, encoded)
            except JoulecutError as error:
                if not answer.done():
                    answer.set_exception(error)

    def _outputs_of(self, reply: Reply, network: Network) -> tuple[Tensor, ...]:
        _check_status(reply.header)
        try:
            with current_span().child(_DECODE_REPLY):
                return decode_expected(codec("raw"), reply.frames, network.table.outputs)
        except ContractError as error:
            text = f"{self._peer} sent something else than an answer to {reply.header.request_id}: {error}"
            raise RemoteFailedError(text) from error

    def _is_refused_for_good(self, epoch: int, header: ReplyHeader) -> bool:
        """Whether the server knows no plan as new, or has newer ones, of which this edge was not told."""
        return header.current_epoch < epoch or 0 < self.newest_epoch <= epoch

    async def _read_replies(self, stream: InferenceClientStream) -> None:
        reason = f"{self._peer} ended the stream"
        try:
            async for reply in stream.replies():
                self._standing.replied()
                waiting = self._waiting.get(reply.header.request_id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
                else:
                    self.dropped += 1
                    _LOG.debug("%s: a reply to %s that nobody waits for", self._peer, reply.header.request_id)
        except JoulecutError as error:
            reason = str(error)
        finally:
            # `lost` before its end is this side's doing, and no word of the server's.
            reason = "left by this edge" if self.lost.is_set() else reason
            _LOG.info("stream to %s: %s", self.address, reason)
            self._ended = reason
            self.lost.set()
            for request_id, waiting in self._waiting.items():
                if not waiting.done():
                    text = f"the stream to {self._peer} was lost before it answered {request_id}: {reason}"
                    waiting.set_exception(LinkError(text))

    async def _follow_health(self, known: asyncio.Event) -> None:
        try:
            async with aclosing(serving_states(self._channel, peer=self._peer)) as states:
                async for serves in states:
                    if not serves:
                        self.leaving.set()
                    known.set()
        except CallRefusedError as error:
            # As many follow it as may. Its replies tell too when it drains.
            _LOG.info("health of %s is not followed: %s", self.address, error)
            known.set()
        except JoulecutError as error:
            _LOG.info("health of %s: %s", self.address, error)


def _give_up(answer: asyncio.Future[Reply | None]) -> None:
    """Its time is over: None in place of an answer."""
    if not answer.done():
        answer.set_result(None)


def _forget(sending: asyncio.Task[None]) -> None:
    """Nobody may be left to hear how sending ended."""
    if not sending.cancelled():
        sending.exception()


def _check_status(header: ReplyHeader) -> None:
    if header.status is ReplyStatus.OK:
        return
    message = header.message[:_LONGEST_MESSAGE]
    if header.status in (ReplyStatus.STALE, ReplyStatus.INVALID):
        raise ContractError(message)
    if header.status is ReplyStatus.FAILED:
        raise RemoteFailedError(f"{header.status.value}: {message}")
    raise TurnedAwayError(message, header.status, header.retry_after_s)
