"""A server-agent's inside on virtual time, and edges that talk to it over real streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import grpc.aio
from torch import Tensor

from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.problems import Objective, Slo
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import Reply, RequestHeader
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.servicers import add_inference
from joulecut_proto.streaming.checksums import PayloadChecksum
from joulecut_proto.streaming.header_writing import request_header_bytes
from joulecut_proto.streaming.parts import part_bytes
from joulecut_proto.streaming.streams import InferenceClientStream
from joulecut_proto.tensors import flat
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.part_runner import PartRunner, TailRun
from joulecut_runtime.wires.codecs import Codec, codec
from joulecut_runtime.wires.measurement import lossless_wires
from joulecut_server.limits import Limits
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.reporting.device_watch import DeviceWatch
from joulecut_server.reporting.self_report import ServerReport
from joulecut_server.requests.inference import ServerInference
from joulecut_server.requests.spans import RequestSpans
from joulecut_server.served_network import ServedNetwork, ServedNetworks
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.session_clocks import SessionClocks
from joulecut_server.sessions.sessions import SessionBook
from joulecut_server.sessions.streams import SessionStreams
from tests.integration.tiny_network import pack_tiny, pictures, tiny_network
from tests.integration.tiny_profiles import SERVER_DEVICE, edge_profile, server_profile
from tests.proto.serving import TIMEOUT_S, serving
from tests.server.keepers import its_own, keeper_of

RAW = codec("raw")
PICTURE = pictures(1)[0]
TABLE = tiny_network().table
REQUEST = SessionRequest(
    session_id="edge-1",
    network_digest=TABLE.digest,
    edge=edge_profile(),
    wires=lossless_wires(TABLE),
    link=LinkEstimate(uplink_bps=1e8, downlink_bps=1e8, rtt_s=0.001),
    slo=Slo(),
    objective=Objective(),
    max_accuracy_loss=0.0,
    policy="all-server",
)


def one_for_all(session_id: str) -> None:
    """Whoever asks takes of the same share."""


def as_asked(session_id: str, asked: int) -> int:
    """Nobody keeps a session from going first."""
    del session_id
    return asked


class Parts:
    """A server-agent's inside on virtual time."""

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        *,
        share_of: Callable[[str], str] = its_own,
        priority_of: Callable[[str, int], int] = as_asked,
    ) -> None:
        self.clock = ManualClock()
        device = open_device(SERVER_DEVICE, clock=self.clock)
        assert isinstance(device, EmulatedDevice)
        self.device = device
        self.runner = PartRunner(tiny_network(), device)
        pack_tiny(folder / "net")
        served = ServedNetwork(folder=folder / "net", runner=self.runner, profile=server_profile())
        self.networks = ServedNetworks((served,))
        self.sessions = SessionBook(EpochCounter(folder / "epoch"))
        self.worker = DeviceWorker(self.clock)
        self.clocks = keeper_of(device, self.clock)
        self.watch = DeviceWatch(device, None)
        limits = limits or Limits()
        self.session_clocks = SessionClocks(self.sessions, self.worker, self.clocks)
        streams = SessionStreams(self.sessions, self.session_clocks.release)
        self.planning = ServerPlanning(
            self.networks,
            self.sessions,
            self.worker,
            self.session_clocks,
            activated=streams.expect,
            share_of=one_for_all,
            limits=limits,
        )
        self.inference = ServerInference(
            self.networks,
            self.sessions,
            self.worker,
            streams,
            scheduler=None,
            limits=limits,
            watch=self.watch,
            spans=RequestSpans(self.clock),
            follow=self.session_clocks.follow,
            share_of=share_of,
            priority_of=priority_of,
        )
        self.report = ServerReport(
            reading=self.watch.reading,
            name="gpu",
            slowdown=2.0,
            device=device,
            clock=self.clock,
            clocks=self.clocks,
            networks=self.networks,
            sessions=self.sessions,
        )

    async def joined(self, *, policy: str = "all-server", session_id: str = "edge-1") -> Assignment:
        """What an edge does before its first request."""
        reply = await self.planning.plan_session(replace(REQUEST, policy=policy, session_id=session_id))
        assert reply.assignment is not None
        await self.planning.activate(session_id, reply.assignment.epoch)
        return reply.assignment


def _header(assignment: Assignment, priority: int) -> RequestHeader:
    return RequestHeader(
        session_id="edge-1",
        request_id="r",
        epoch=assignment.epoch,
        network_digest=assignment.network_digest,
        cut=assignment.cut,
        codec=assignment.codec,
        variant=assignment.variant,
        priority=priority,
    )


class Talk:
    """One edge's stream."""

    def __init__(self, channel: grpc.aio.Channel, *, session_id: str | None = None) -> None:
        """`session_id`: what it announces."""
        self.channel = channel
        self._stream = InferenceClientStream(channel, peer="gpu", session_id=session_id)
        self._replies: AsyncIterator[Reply] = self._stream.replies()

    async def send(
        self,
        assignment: Assignment,
        request_id: str = "r",
        *,
        session_id: str = "edge-1",
        tensors: Sequence[Tensor] = (PICTURE,),
        attempt: int = 0,
        budget_s: float | None = None,
        priority: int = 0,
    ) -> None:
        header = replace(
            _header(assignment, priority),
            session_id=session_id, request_id=request_id, attempt=attempt, budget_s=budget_s,
        )  # fmt: skip
        await self._stream.send(header, RAW.encode(tensors))

    async def begin(self, assignment: Assignment, *, priority: int = 0) -> Callable[[], Awaitable[None]]:
        """Send a request but for its last byte; what sends that."""
        frames, checksum = RAW.encode((PICTURE,)), PayloadChecksum()
        payload = flat(frames[0].payload)
        message = request_header_bytes(_header(assignment, priority), frames)

        async def send(header: bytes | None, piece: memoryview) -> None:
            await self._stream._call.write(part_bytes(header, (piece,), checksum.take(piece)))

        await send(message, payload[:-1])
        return lambda: send(None, payload[-1:])

    async def reply(self) -> Reply:
        return await anext(self._replies)

    async def ask(self, assignment: Assignment, *, tensors: Sequence[Tensor] = (PICTURE,)) -> Reply:
        await self.send(assignment, tensors=tensors)
        return await self.reply()

    def leave(self) -> None:
        self._stream.cancel()


def with_parts(
    folder: Path,
    use: Callable[[Parts, Talk], Awaitable[None]],
    *,
    limits: Limits | None = None,
    share_of: Callable[[str], str] = its_own,
    priority_of: Callable[[str, int], int] = as_asked,
) -> None:
    """Run `use` beside a server, with one edge's stream to it."""

    async def run() -> None:
        parts = Parts(folder, limits, share_of=share_of, priority_of=priority_of)
        async with serving(lambda server: add_inference(server, parts.inference, guards=None)) as channel:
            await asyncio.wait_for(use(parts, Talk(channel)), TIMEOUT_S)
        parts.worker.close()
        parts.device.close()

    asyncio.run(run())


class WaitingRunner(PartRunner):
    """A device whose tails take until they are told to end."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(tiny_network(), parts.device)
        self._loop = asyncio.get_running_loop()
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> TailRun:
        self._loop.call_soon_threadsafe(self.began.set)
        asyncio.run_coroutine_threadsafe(self.may_end.wait(), self._loop).result(TIMEOUT_S)
        return super().tail(cut, codec, encoded)
