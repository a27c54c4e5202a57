"""Requests as messages, and servers for streams, for the tests of both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast

import grpc
import grpc.aio

from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.convert_inference import REQUEST_HEADER
from joulecut_proto.inference_messages import ReplyHeader, Request, RequestHeader
from joulecut_proto.servicers import add_inference
from joulecut_proto.services import InferenceService
from joulecut_proto.streaming.parts import part_bytes
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from tests.proto.serving import TIMEOUT_S, serving


def header(request_id: str) -> RequestHeader:
    return RequestHeader(
        session_id="edge-1",
        request_id=request_id,
        epoch=3,
        network_digest="sha256:00",
        cut=2,
        codec="raw",
        variant="fp32",
        budget_s=0.5,
    )


def frame(size_bytes: int, fill: int = 7) -> TensorFrame:
    spec = TensorSpec(name="x", dtype="uint8", shape=(size_bytes,))
    return TensorFrame(spec=spec, payload=bytes([fill]) * size_bytes)


class Echoing:
    """Answers each request with its own tensors, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            self.requests.append(request)
            reply = ReplyHeader(request_id=request.header.request_id, current_epoch=3, tail_s=0.25)
            await stream.reply(reply, request.frames)


def serve_to(service: InferenceService, talk: Callable[[grpc.aio.Channel], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(lambda server: add_inference(server, service, guards=None)) as channel:
            await asyncio.wait_for(talk(channel), TIMEOUT_S)

    asyncio.run(run())


def head(carried: RequestHeader, *, contract_version: int = CONTRACT_VERSION) -> bytes:
    message = REQUEST_HEADER.to_wire(carried)
    message.contract_version = contract_version
    return part_bytes(message.SerializeToString(), (), 0)


HEADER_BYTES = REQUEST_HEADER.to_wire(header("1")).SerializeToString()
ONE = header("1").carrying([frame(4)])


def raw_call(channel: grpc.aio.Channel, messages: Iterable[bytes]) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    method: Any = channel.stream_stream("/joulecut.v1.Inference/Stream")
    return cast("grpc.aio.StreamStreamCall[bytes, bytes]", method(iter_async(messages)))


async def iter_async(messages: Iterable[bytes]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def drained(call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def flipped(message: bytes, place: int) -> bytes:
    """With one bit of one byte changed."""
    changed = bytearray(message)
    changed[place] ^= 1
    return bytes(changed)


def messages_of(request_id: str, size_bytes: int) -> list[bytes]:
    """A request as a client sends it."""
    written: list[bytes] = []

    async def write(message: bytes) -> None:
        written.append(message)

    async def send() -> None:
        sending: Any = InferenceClientStream(cast(Any, _Channel(write)), peer="gpu")
        await sending.send(header(request_id), [frame(size_bytes)])

    asyncio.run(send())
    return written


class _Channel:
    """Opens a stream that goes to a function."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self.write = write

    def stream_stream(self, _: str) -> Callable[..., _Channel]:
        return lambda **_: self
