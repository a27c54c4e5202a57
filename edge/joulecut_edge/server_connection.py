"""A connected server: one channel, one inference stream, answers matched to requests.

Opened whole or not at all; once anything breaks it is `lost` for good and another one is opened.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

from joulecut_core.devices import DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import Clock
from joulecut_edge.link_probe import EchoSample
from joulecut_edge.remote import RemoteReply
from joulecut_proto.agent_messages import Echo, Hello, HelloReply, Side
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.contract import CONTRACT_VERSION, check_slowdown
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_proto.streams import InferenceClientStream
from joulecut_runtime.codecs import codec, decode_expected
from joulecut_runtime.network import Network

_LOG = logging.getLogger(__name__)

_CALL_S = 10.0
"""Wall seconds that a short call to a server may take before it counts as unreachable."""
_HELLO_S = 3.0
_METER_S = 600.0
"""Clocks of two hosts cannot be compared, so how long the server is asked to wait is not known here."""
_SERVED_SHARE = 0.8
"""Of the time that an answer is waited for, what the server may use; the rest is for the way there and back."""
_MOST_UNANSWERED = 3
"""Requests in a row without an answer in time. Only gRPC's keepalive would notice a link that stalls, much later."""


class ServerConnection:
    """Implements `Remote` over gRPC."""

    def __init__(self, address: str, *, session_id: str, clock: Clock) -> None:
        self.address = address
        self.session_id = session_id
        self._clock = clock
        self._channel = open_channel(address)
        peer = f"server {address}"
        self.agent = AgentClient(self._channel, peer=peer)
        self.planner = PlannerClient(self._channel, peer=peer)
        self._stream = InferenceClientStream(self._channel, peer=peer)
        self._numbers = itertools.count()
        self._unanswered = 0
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._reading = asyncio.create_task(self._read_replies())
        self.lost = asyncio.Event()
        self.network: Network | None = None

    async def hello(self, name: str, slowdown: float) -> HelloReply:
        """Agree on the contract; raises LinkError where nobody answers, ContractError where versions differ."""
        hello = Hello(contract_version=CONTRACT_VERSION, name=name, side=Side.EDGE, slowdown=slowdown)
        reply = await self.agent.hello(hello, timeout_s=_HELLO_S)
        check_slowdown(reply.slowdown, slowdown, peer=reply.name)
        return reply

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
        self, request_id: str, assignment: Assignment, encoded: Sequence[TensorFrame], *, timeout_s: float
    ) -> RemoteReply:
        """See `Remote.finish`."""
        if self.network is None:
            raise LinkError(f"server {self.address}: no network agreed on yet")
        header = RequestHeader(
            session_id=self.session_id,
            # Applications choose their ids, and two may choose the same.
            request_id=f"{request_id}/{next(self._numbers)}",
            epoch=assignment.epoch,
            network_digest=assignment.network_digest,
            cut=assignment.cut,
            codec=assignment.codec,
            variant=assignment.variant,
            budget_s=_SERVED_SHARE * timeout_s,
        )
        # A task of its own: a caller that gives up must not leave half a request on the stream.
        exchange = asyncio.create_task(self._exchange(header, encoded))
        exchange.add_done_callback(_forget)
        await asyncio.wait({exchange}, timeout=self._clock.wall_s(timeout_s))
        if not exchange.done():
            exchange.cancel()
            self._unanswered += 1
            if self._unanswered >= _MOST_UNANSWERED:
                self.lost.set()
            raise LinkError(f"server {self.address} did not answer {request_id} within {timeout_s:.3f} s")
        if exchange.cancelled():
            raise LinkError(f"the stream to server {self.address} was lost before it answered {request_id}")
        reply = exchange.result()
        self._unanswered = 0
        if reply.header.status is ReplyStatus.STALE and reply.header.current_epoch < assignment.epoch:
            _LOG.warning("server %s has forgotten epoch %d: joining it again", self.address, assignment.epoch)
            self.lost.set()
        _check_status(reply.header)
        outputs = decode_expected(codec("raw"), reply.frames, self.network.table.outputs)
        return RemoteReply(
            outputs=outputs,
            queue_s=reply.header.queue_s,
            decode_s=reply.header.decode_s,
            tail_s=reply.header.tail_s,
            energy_j=reply.header.server_energy_j,
            wait_j=reply.header.server_wait_j,
            uplink_bytes=sum(frame.size_bytes for frame in encoded),
            downlink_bytes=reply.header.total_bytes,
        )

    async def device_state(self) -> DeviceState:
        """See `Remote.device_state`."""
        return (await self.agent.state(timeout_s=_CALL_S)).device

    async def close(self) -> None:
        """End the stream and the channel; waiting requests fail with LinkError."""
        self._stream.cancel()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._channel.close()

    async def _exchange(self, header: RequestHeader, encoded: Sequence[TensorFrame]) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[header.request_id] = answer
        try:
            await self._stream.send(header, encoded)
            return await answer
        finally:
            del self._waiting[header.request_id]

    async def _read_replies(self) -> None:
        reason: JoulecutError = LinkError(f"server {self.address} ended the stream")
        try:
            async for reply in self._stream.replies():
                waiting = self._waiting.get(reply.header.request_id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except JoulecutError as error:
            reason = error
        finally:
            _LOG.info("stream to %s: %s", self.address, reason)
            self.lost.set()
            for waiting in self._waiting.values():
                waiting.cancel()


def _forget(exchange: asyncio.Task[Reply]) -> None:
    """Nobody may be left to hear how an exchange ended."""
    if not exchange.cancelled():
        exchange.exception()


def _check_status(header: ReplyHeader) -> None:
    if header.status is ReplyStatus.OK:
        return
    if header.status in (ReplyStatus.STALE, ReplyStatus.INVALID):
        raise ContractError(header.message)
    if header.status in (ReplyStatus.OVERLOADED, ReplyStatus.LATE):
        raise TurnedAwayError(header.message, header.status, header.retry_after_s)
    raise LinkError(f"{header.status.value}: {header.message}")
