"""Both ends of an inference stream: whole requests and replies in, whole requests and replies out.

    header  chunk ... chunk  header  chunk ...

Senders may call from several tasks: a request and its chunks stay together. Receivers give each
item out once its last byte is there, and refuse what the header does not announce.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

import grpc
import grpc.aio

from joulecut_core.errors import ContractError, LinkError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.contract import check_contract_version
from joulecut_proto.convert_inference import REPLY_HEADER, REQUEST_HEADER
from joulecut_proto.inference_messages import Reply, ReplyHeader, Request, RequestHeader
from joulecut_proto.status import error_from_rpc
from joulecut_proto.tensors import DEFAULT_LIMITS, Assembler, FrameLimits, WireTensor, chunks_of
from joulecut_proto.v1 import inference_pb2, inference_pb2_grpc

_LOG = logging.getLogger(__name__)

UpMessage = inference_pb2.InferenceUp
DownMessage = inference_pb2.InferenceDown


class _Header(Protocol):
    @property
    def tensors(self) -> tuple[WireTensor, ...]: ...

    @property
    def total_bytes(self) -> int: ...


H = TypeVar("H", bound=_Header)


class Collector(Generic[H]):
    """Puts headers and chunks of one direction together."""

    def __init__(self, limits: FrameLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._header: H | None = None
        self._assembler: Assembler | None = None

    def take(self, header: H | None, chunk: bytes) -> tuple[H, tuple[TensorFrame, ...]] | None:
        """Take one message; the complete item where this was its last. Raises ContractError out of turn."""
        if header is not None:
            if self._assembler is not None:
                raise ContractError(
                    f"a header while {self._assembler.missing_bytes} bytes of the item before it are missing"
                )
            self._header = header
            self._assembler = Assembler(header.tensors, header.total_bytes, limits=self._limits)
        if self._header is None or self._assembler is None:
            raise ContractError("a chunk without a header; expected a header first")
        if header is None:
            self._assembler.add(chunk)
        if self._assembler.missing_bytes:
            return None
        item = self._header, self._assembler.frames()
        self._header = self._assembler = None
        return item


class InferenceServerStream:
    """The server's end of one edge's stream."""

    def __init__(
        self,
        messages: AsyncIterable[UpMessage],
        write: Callable[[DownMessage], Awaitable[None]],
        *,
        limits: FrameLimits = DEFAULT_LIMITS,
    ) -> None:
        self._messages = messages
        self._write = write
        self._limits = limits
        self._writing = asyncio.Lock()

    async def requests(self) -> AsyncIterator[Request]:
        """Requests in order of arrival until the edge ends the stream. Raises ContractError where one is malformed."""
        collector: Collector[RequestHeader] = Collector(self._limits)
        async for message in self._messages:
            header = None
            if message.HasField("header"):
                check_contract_version(message.header.contract_version, peer="the edge")
                header = REQUEST_HEADER.from_wire(message.header)
            item = collector.take(header, message.chunk)
            if item is not None:
                yield Request(header=item[0], frames=item[1])

    async def reply(self, header: ReplyHeader, frames: Sequence[TensorFrame] = ()) -> None:
        """Send a reply; `header` gets the tensors of `frames`. Raises LinkError where the edge is gone."""
        # A caller that is cancelled must not leave half a reply on the stream.
        sending = asyncio.ensure_future(self._send(header.carrying(frames), frames))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            sending.add_done_callback(_forget)
            raise

    async def _send(self, header: ReplyHeader, frames: Sequence[TensorFrame]) -> None:
        message = REPLY_HEADER.to_wire(header)
        async with self._writing:
            try:
                for part in _down_messages(message, chunks_of(frames)):
                    await self._write(part)
            except (asyncio.InvalidStateError, grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError) as error:
                raise LinkError(f"the edge left before reply {header.request_id!r} was sent: {error}") from error


class InferenceClientStream:
    """The edge's end of its stream. Opens at once; lost streams are not mended: open another and send again."""

    def __init__(self, channel: grpc.aio.Channel, *, peer: str, limits: FrameLimits = DEFAULT_LIMITS) -> None:
        stub = cast(Any, inference_pb2_grpc.InferenceStub)(channel)
        self._call = cast("grpc.aio.StreamStreamCall[UpMessage, DownMessage]", stub.Stream())
        self._peer = peer
        self._limits = limits
        self._writing = asyncio.Lock()

    async def send(self, header: RequestHeader, frames: Sequence[TensorFrame]) -> None:
        """Send a request; `header` gets the tensors of `frames`. Raises LinkError where the stream is lost."""
        message = REQUEST_HEADER.to_wire(header.carrying(frames))
        async with self._writing:
            try:
                for part in _up_messages(message, chunks_of(frames)):
                    await self._call.write(part)
            except grpc.aio.AioRpcError as error:
                raise error_from_rpc(error, peer=self._peer) from error
            except asyncio.InvalidStateError as error:
                raise LinkError(f"the stream to {self._peer} has ended; open another") from error

    async def replies(self) -> AsyncIterator[Reply]:
        """Replies as they arrive until the server ends the stream.

        Raises LinkError where it is lost, ContractError where a reply is malformed, and what the
        server refused the stream with.
        """
        collector: Collector[ReplyHeader] = Collector(self._limits)
        try:
            async for message in self._call:
                header = REPLY_HEADER.from_wire(message.header) if message.HasField("header") else None
                item = collector.take(header, message.chunk)
                if item is not None:
                    yield Reply(header=item[0], frames=item[1])
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, peer=self._peer) from error
        except ContractError:
            self._call.cancel()
            raise

    async def finish(self) -> None:
        """Tell the server that no more requests come; replies still arrive."""
        async with self._writing:
            if not self._call.done():
                await self._call.done_writing()

    def cancel(self) -> None:
        """End the stream at once. Safe to call twice."""
        self._call.cancel()


def _forget(sending: asyncio.Future[None]) -> None:
    if not sending.cancelled() and sending.exception() is not None:
        _LOG.debug("a reply whose sender was cancelled could not be sent", exc_info=sending.exception())


def _up_messages(header: inference_pb2.RequestHeader, chunks: Iterator[bytes]) -> Iterator[UpMessage]:
    yield UpMessage(header=header)
    for chunk in chunks:
        yield UpMessage(chunk=chunk)


def _down_messages(header: inference_pb2.ReplyHeader, chunks: Iterator[bytes]) -> Iterator[DownMessage]:
    yield DownMessage(header=header)
    for chunk in chunks:
        yield DownMessage(chunk=chunk)
