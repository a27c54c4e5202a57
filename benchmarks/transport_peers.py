"""The ends that `benchmarks.transport` times, in two processes: a raw socket, gRPC by itself, the stream.

All move the same bytes. The raw socket and gRPC by itself send lengths and bytes and check nothing; gRPC's messages
have the stream's chunks.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing as mp
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.timing import SystemClock
from joulecut_proto import event_loops
from joulecut_proto.channels import bind, make_server, open_channel
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus, Request, RequestHeader
from joulecut_proto.memory import keep_freed_memory
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.servicers import add_inference
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensor_arrays import frame_of
from joulecut_proto.tensors import CHUNK_BYTES
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.fair_turns import FairTurns

LARGEST_BYTES = 16 << 20
REPLY_BYTES = 8

ECHO, ANSWER, BUSY = "echo", "answer", "busy"
"""What a request asks of the stream's server, as its variant: its own tensors, few bytes, or these after its budget."""

_LENGTHS = struct.Struct("<QQ")
"""Of what goes up and what comes down, ahead of both."""
_BARE = "benchmarks.Bare"
_SMALL = (frame_of("y", np.zeros(REPLY_BYTES, dtype=np.uint8)),)


class AnsweringService:
    """Answers as each request's variant says; one device in a server-agent's line for it: tails run in turn."""

    def __init__(self) -> None:
        self._device = FairTurns(DeviceWorker(SystemClock()), waiting=64)

    async def serve(self, stream: InferenceServerStream) -> None:
        """Requests are read while earlier ones are answered."""
        answering: set[asyncio.Task[None]] = set()
        async for request in stream.requests():
            if request.header.variant != BUSY:
                await self._answer(stream, request)
                continue
            task = asyncio.create_task(self._tail(stream, request))
            answering.add(task)
            task.add_done_callback(answering.discard)

    async def _tail(self, stream: InferenceServerStream, request: Request) -> None:
        # A GPU's work costs its host next to nothing.
        turn = self._device.enter("edge-1", lambda: time.sleep(request.header.budget_s or 0.0))
        await turn.result()
        await self._answer(stream, request)

    async def _answer(self, stream: InferenceServerStream, request: Request) -> None:
        frames = request.frames if request.header.variant == ECHO else _SMALL
        await stream.reply(ReplyHeader(request_id=request.header.request_id, current_epoch=1), frames)


async def _bare(messages: AsyncIterator[bytes], context: Any) -> None:
    """GRPC by itself: bytes in, bytes out."""
    answer, missing_bytes, down_bytes = bytes(LARGEST_BYTES), 0, 0
    async for message in messages:
        if missing_bytes == 0:
            missing_bytes, down_bytes = _LENGTHS.unpack_from(message)
            missing_bytes += _LENGTHS.size
        missing_bytes -= len(message)
        if missing_bytes == 0:
            for start in range(0, down_bytes, CHUNK_BYTES):
                await context.write(answer[start : min(down_bytes, start + CHUNK_BYTES)])


def _serve(ports: Connection, security: ChannelSecurity | None) -> None:
    """The stream's server process."""
    keep_freed_memory()

    async def run() -> None:
        server = make_server(secured=False)
        add_inference(server, AnsweringService(), guards=None)
        healthy = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
        await healthy.set(INFERENCE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        handler: Any = grpc.stream_stream_rpc_method_handler(cast(Any, _bare))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_BARE, {"Stream": handler}),))
        port = bind(server, "127.0.0.1:0", security)
        await server.start()
        ports.send(port)
        await server.wait_for_termination()

    event_loops.run(run())


def _serve_raw(ports: Connection) -> None:
    """The raw socket's server process."""
    keep_freed_memory()
    listener = socket.create_server(("127.0.0.1", 0))
    ports.send(listener.getsockname()[1])
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    view = memoryview(bytearray(LARGEST_BYTES))
    while True:
        head = connection.recv(_LENGTHS.size, socket.MSG_WAITALL)
        if len(head) < _LENGTHS.size:
            return
        up_bytes, down_bytes = _LENGTHS.unpack(head)
        _receive(connection, view[:up_bytes])
        connection.sendall(view[:down_bytes])


def _receive(connection: socket.socket, room: memoryview) -> None:
    while room.nbytes:
        room = room[connection.recv_into(room) :]


class PeerProcess:
    """A process of this benchmark, ended with its context."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        context = mp.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        self._process.start()
        self.port: int = ours.recv()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()


class RawPeer:
    """A blocking socket to the raw server."""

    def __init__(self) -> None:
        self._process = PeerProcess(_serve_raw)
        self._socket = socket.create_connection(("127.0.0.1", self._process.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = memoryview(bytearray(LARGEST_BYTES))

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.end()

    def round_trip_s(self, payload: memoryview, *, echo: bool) -> float:
        """There and back."""
        down_bytes = payload.nbytes if echo else REPLY_BYTES
        start_s = time.perf_counter()
        self._socket.sendall(_LENGTHS.pack(payload.nbytes, down_bytes))
        self._socket.sendall(payload)
        _receive(self._socket, self._room[:down_bytes])
        return time.perf_counter() - start_s


class BarePeer:
    """gRPC by itself, over the stream's own connection."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        method = cast(Any, channel).stream_stream(f"/{_BARE}/Stream")
        self._call = cast("grpc.aio.StreamStreamCall[bytes, bytes]", method())

    async def round_trip_s(self, payload: memoryview, *, echo: bool) -> float:
        """There and back."""
        down_bytes = payload.nbytes if echo else REPLY_BYTES
        start_s = time.perf_counter()
        head = _LENGTHS.pack(payload.nbytes, down_bytes)
        for start in range(0, payload.nbytes, CHUNK_BYTES):
            await self._call.write(b"".join((head, payload[start : start + CHUNK_BYTES])))
            head = b""
        while down_bytes:
            down_bytes -= len(cast(bytes, await self._call.read()))
        return time.perf_counter() - start_s

    def cancel(self) -> None:
        """End it."""
        self._call.cancel()


class StreamPeer:
    """The edge's end of a stream to the benchmark's server: answers find their requests by id."""

    def __init__(self, stream: InferenceClientStream) -> None:
        self._stream = stream
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._reading = asyncio.create_task(self._read())
        self._count = 0

    async def ask(self, frames: Sequence[TensorFrame], variant: str, tail_s: float = 0.0) -> Reply:
        """Send a request and wait for its reply."""
        self._count += 1
        header = RequestHeader(
            session_id="edge-1",
            request_id=f"r/{self._count}",
            epoch=1,
            network_digest="sha256:" + "0" * 64,
            cut=3,
            codec="raw",
            variant=variant,
            budget_s=tail_s,
        )
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[header.request_id] = answer
        await self._stream.send(header, frames)
        reply = await answer
        if reply.header.status is not ReplyStatus.OK:
            raise SystemExit(f"{reply.header.status.value}: {reply.header.message}")
        return reply

    async def round_trip_s(self, frames: Sequence[TensorFrame], variant: str, tail_s: float = 0.0) -> float:
        """There and back."""
        start_s = time.perf_counter()
        await self.ask(frames, variant, tail_s)
        return time.perf_counter() - start_s

    async def close(self) -> None:
        """End the stream."""
        self._stream.cancel()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for reply in self._stream.replies():
            self._waiting.pop(reply.header.request_id).set_result(reply)


@contextmanager
def stream_server(security: ChannelSecurity | None) -> Iterator[int]:
    """The stream's server by itself; its port."""
    process = PeerProcess(_serve, security)
    try:
        yield process.port
    finally:
        process.end()


@asynccontextmanager
async def stream_peer(security: ChannelSecurity | None) -> AsyncIterator[tuple[StreamPeer, BarePeer]]:
    """The stream to a server of its own, and gRPC by itself beside it."""
    with stream_server(security) as port:
        channel = open_channel(f"localhost:{port}" if security else f"127.0.0.1:{port}", security)
        peer = StreamPeer(InferenceClientStream(channel, peer="the server"))
        bare = BarePeer(channel)
        try:
            yield peer, bare
        finally:
            bare.cancel()
            await peer.close()
            await channel.close()


def certificates(folder: Path) -> ChannelSecurity:
    """One certificate that signs itself, for both sides."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ChannelSecurity(authority=pem, certificate=pem, key=key_pem)
