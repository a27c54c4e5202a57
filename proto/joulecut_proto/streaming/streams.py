"""Both ends of an inference stream: whole requests and replies in, whole requests and replies out.

    header + first chunk   chunk ... chunk   header + first chunk   chunk ...

Senders may call from several tasks: a request and its chunks stay together. Receivers give each
item out once its last byte is there and its checksums agree, and refuse what the header does not
announce. A payload that was damaged on its way fails its own request; a damaged header or frame ends
the stream, since nothing after it can be told apart.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any, Protocol, cast

import grpc
import grpc.aio

from joulecut_core.errors import ContractError, LinkError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus, Request, RequestHeader
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.status import error_from_rpc
from joulecut_proto.streaming.announcing import announcement
from joulecut_proto.streaming.checksums import PayloadChecksum, chunk_checksum
from joulecut_proto.streaming.collecting import Collector
from joulecut_proto.streaming.header_reading import read_reply_header, read_request_header
from joulecut_proto.streaming.header_writing import reply_header_bytes, request_header_bytes
from joulecut_proto.streaming.pacing import Pace
from joulecut_proto.streaming.parts import part_bytes, read_part
from joulecut_proto.tensors import CHUNK_BYTES, chunks_of, flat, total_bytes_of
from joulecut_proto.v1 import inference_pb2

_LOG = logging.getLogger(__name__)
_LINES = LogLimit(_LOG)

_SERVICE = inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name
_STREAM = "Stream"

_DAMAGED = "its tensors were damaged on the way; send it again"

Behaviour = Callable[[AsyncIterator[bytes], "grpc.aio.ServicerContext[bytes, bytes]"], Awaitable[None]]


def stream_handler(behaviour: Behaviour) -> grpc.GenericRpcHandler:
    """What serves joulecut.v1.Inference by `behaviour`, which gets and writes messages as bytes."""
    handler: Any = grpc.stream_stream_rpc_method_handler(cast(Any, behaviour))
    return grpc.method_handlers_generic_handler(_SERVICE, {_STREAM: handler})


class Admission(Protocol):
    """Decides on each request by its header, before memory is taken for its payload."""

    async def admit(self, header: RequestHeader) -> ReplyHeader | None:
        """None: let its payload come. Otherwise the reply that refuses it; its payload is then not kept.

        Reading stops while this waits, which pushes back on the edge.
        """
        ...

    def give_back(self, header: RequestHeader) -> None:
        """An admitted request will not be given out: it was damaged on its way, or its stream ended before its end."""
        ...


class InferenceServerStream:
    """The server's end of one edge's stream.

    A watcher tells slow peers by what stands still, or hardly moves: `taken_parts` and `taken_bytes` while a request
    is `incoming`, `written_parts` and `written_bytes` while a reply is `outgoing`.
    """

    def __init__(
        self,
        messages: AsyncIterable[bytes],
        write: Callable[[bytes], Awaitable[None]],
        *,
        session_id: str | None = None,
    ) -> None:
        """`session_id`: what its edge announced when it opened the stream."""
        self._messages = messages
        self._write = write
        self._writing = asyncio.Lock()
        self._sending: set[asyncio.Future[None]] = set()
        self._given_up = False
        self.pace = Pace()
        """Told of each request that is refused for want of room."""
        self.incoming: RequestHeader | None = None
        """The request whose payload is under way."""
        self.taken_parts = 0
        self.taken_bytes = 0
        """Of its payload."""
        self.outgoing: ReplyHeader | None = None
        """The reply that is being written."""
        self.outgoing_bytes = 0
        """Of its payload."""
        self.written_parts = 0
        self.written_bytes = 0
        """Of it, its header included."""
        self.screen: Callable[[RequestHeader], ReplyHeader | None] | None = None
        """Asked of each request before `admission` is, as that: who stands in front of the service refuses with it."""
        self.session_id = session_id
        self.speaks_for: Callable[[str], bool] = lambda _: True
        """Whether it says anything of a session: who stands in front of the service knows whose that is."""
        self.owner = ""
        """Whose stream it is, where who stands in front of the service knows that."""

    async def requests(self, admission: Admission | None = None) -> AsyncIterator[Request]:
        """Requests in order of arrival until the edge ends the stream; damaged ones are answered FAILED here.

        Raises ContractError where one is malformed, LinkError where the stream itself is damaged.
        """
        collector: Collector[RequestHeader] = Collector()
        admitted: RequestHeader | None = None
        refused = False
        messages = aiter(self._messages)
        try:
            async for message in messages:
                self.taken_parts += 1
                part = read_part(message, peer="the edge")
                # While the next message is waited for, nothing keeps the one before it.
                del message
                if part.header is not None:
                    header = read_request_header(part.header)
                    collector.begin(header)
                    await self.pace.keep()
                    refusal = None if self.screen is None else self.screen(header)
                    if refusal is None and admission is not None:
                        refusal = await admission.admit(header)
                    refused = refusal is not None
                    if refusal is None:
                        admitted = header
                    else:
                        collector.drop()
                        self.pace.refused(refusal)
                        await self.reply(refusal)
                    self.incoming, self.taken_bytes = header, 0
                self.taken_bytes += part.chunk.nbytes
                item = collector.take(part)
                del part
                if item is None:
                    continue
                self.incoming = None
                if item.frames is not None:
                    admitted = None
                    yield Request(header=item.header, frames=item.frames, checksum=item.checksum)
                elif not refused:
                    await self._tell_damaged(item.header)
                    if admission is not None:
                        admission.give_back(item.header)
                    admitted = None
                del item
        finally:
            self.incoming = None
            if admitted is not None and admission is not None:
                admission.give_back(admitted)
            await _end(messages)

    async def reply(self, header: ReplyHeader, frames: Sequence[TensorFrame] = ()) -> None:
        """Send a reply; `header` gets the tensors of `frames`. Raises LinkError where the edge is gone.

        Where the caller is cancelled meanwhile a large one is still sent whole, and after a small one none is sent.
        """
        total_bytes = total_bytes_of(frames)
        if self.written_parts and total_bytes <= CHUNK_BYTES:
            # One message needs no task to go whole. Not so the first of a stream: gRPC sends its metadata with it, and
            # would send them again where nobody waited for the end.
            await self._send(header, frames, total_bytes)
            return
        sending = asyncio.ensure_future(self._send(header, frames, total_bytes))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        await _whole(sending)

    def abandon(self) -> None:
        """Give up the large replies that wait or are on their way: this stream is about to be ended."""
        for sending in self._sending:
            sending.cancel()

    async def _tell_damaged(self, header: RequestHeader) -> None:
        text = "request %.80r of %.80r was damaged on its way"
        _LINES.warn("damaged requests", text, header.request_id, header.session_id)
        await self.reply(
            ReplyHeader(
                request_id=header.request_id, current_epoch=header.epoch, status=ReplyStatus.FAILED, message=_DAMAGED
            )
        )

    async def _send(self, header: ReplyHeader, frames: Sequence[TensorFrame], total_bytes: int) -> None:
        message = reply_header_bytes(header, frames)
        async with self._writing:
            if self._given_up:
                raise LinkError(f"a reply before {header.request_id!r} was given up on its way: nothing can follow it")
            self.outgoing, self.outgoing_bytes, self.written_bytes = header, total_bytes, 0
            try:
                # Made now: those that wait for their turn hold no copy of their tensors.
                for part in _parts(message, frames, total_bytes):
                    await self._write(part)
                    self.written_parts += 1
                    self.written_bytes += len(part)
            except asyncio.CancelledError:
                # gRPC may still be at it.
                self._given_up = True
                raise
            except (asyncio.InvalidStateError, grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError) as error:
                raise LinkError(f"the edge left before reply {header.request_id!r} was sent: {error}") from error
            finally:
                self.outgoing = None


class InferenceClientStream:
    """The edge's end of its stream. Opens at once; lost streams are not mended: open another and send again."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        peer: str,
        session_id: str | None = None,
    ) -> None:
        """`session_id`: announced with the opening, so that the server knows whose session ends with the stream."""
        method = cast(Any, channel).stream_stream(f"/{_SERVICE}/{_STREAM}")
        self._call = cast("grpc.aio.StreamStreamCall[bytes, bytes]", method(metadata=announcement(session_id)))
        self._peer = peer
        self._writing = asyncio.Lock()

    async def send(self, header: RequestHeader, frames: Sequence[TensorFrame]) -> None:
        """Send a request; `header` gets the tensors of `frames`. Raises LinkError where the stream is lost.

        A sender that is cancelled half way ends the whole stream: give it a task of its own.
        """
        message, total_bytes = request_header_bytes(header, frames), total_bytes_of(frames)
        async with self._writing:
            try:
                for part in _parts(message, frames, total_bytes):
                    await self._call.write(part)
            except grpc.aio.AioRpcError as error:
                raise error_from_rpc(error, peer=self._peer) from error
            except asyncio.InvalidStateError as error:
                raise LinkError(f"the stream to {self._peer} has ended; open another") from error

    async def replies(self) -> AsyncIterator[Reply]:
        """Replies as they arrive until the server ends the stream; one that was damaged on its way as FAILED.

        Raises LinkError where the stream is lost or damaged, ContractError where a reply is malformed,
        and what the server refused the stream with.
        """
        collector: Collector[ReplyHeader] = Collector()
        try:
            async for message in self._call:
                part = read_part(message, peer=self._peer)
                if part.header is not None:
                    collector.begin(read_reply_header(part.header))
                item = collector.take(part)
                # While the next message is waited for, nothing keeps the one before it.
                del message, part
                if item is not None:
                    yield (
                        _damaged(item.header) if item.frames is None else Reply(header=item.header, frames=item.frames)
                    )
                del item
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, peer=self._peer) from error
        except (ContractError, LinkError):
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


async def _end(messages: AsyncIterator[bytes]) -> None:
    """GRPC's holds the message that it gave out last, for good where nobody ends it."""
    if isinstance(messages, AsyncGenerator):
        await messages.aclose()


async def _whole(sending: Awaitable[None]) -> None:
    """Send to the end even where the caller is cancelled: half an item would shift every byte after it."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_forget)
        raise


def _forget(sending: asyncio.Future[None]) -> None:
    if not sending.cancelled() and sending.exception() is not None:
        _LOG.debug("what a cancelled caller was sending could not be sent", exc_info=sending.exception())


def _parts(header: bytes, frames: Sequence[TensorFrame], total_bytes: int) -> Iterable[bytes]:
    """The messages of an item; those of a large one are made as they are sent."""
    if total_bytes > CHUNK_BYTES:
        return _large(header, frames)
    if not total_bytes:
        return (part_bytes(header, (), 0),)
    pieces = [flat(frame.payload) for frame in frames]
    return (part_bytes(header, pieces, chunk_checksum(pieces)),)


def _large(header: bytes, frames: Sequence[TensorFrame]) -> Iterator[bytes]:
    checksum = PayloadChecksum()
    ahead: bytes | None = header
    for pieces in chunks_of(frames):
        yield part_bytes(ahead, pieces, checksum.take(*pieces))
        ahead = None


def _damaged(header: ReplyHeader) -> Reply:
    failed = dataclasses.replace(header, status=ReplyStatus.FAILED, message=_DAMAGED, tensors=(), total_bytes=0)
    return Reply(header=failed, frames=())
