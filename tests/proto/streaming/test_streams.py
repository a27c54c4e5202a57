"""Inference streams over a real connection: whole requests, out of order, hostile, and cut off."""

from __future__ import annotations

import asyncio
import dataclasses
import tracemalloc

import grpc
import grpc.aio
import numpy as np
import pytest
import xxhash

from joulecut_core.errors import ContractError, LinkError
from joulecut_core.figures import FigureKind
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.inference_messages import Reply, ReplyHeader, ReplyStatus
from joulecut_proto.servicers import add_inference
from joulecut_proto.status import may_be_retried
from joulecut_proto.streaming.parts import part_bytes, read_part
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensor_arrays import array_of, frame_of
from joulecut_proto.v1 import devices_pb2, inference_pb2
from tests.proto.serving import TIMEOUT_S, serving
from tests.proto.streaming.stream_messages import (
    HEADER_BYTES,
    ONE,
    Echoing,
    drained,
    frame,
    head,
    header,
    iter_async,
    raw_call,
    serve_to,
)


def test_a_large_tensor_there_and_back() -> None:
    """5 MB, more than gRPC's default message limit, in chunks; several tensors; an empty one; header fields kept."""
    service = Echoing()
    picture = np.random.default_rng(1).integers(0, 255, size=(5, 1000, 1000), dtype=np.uint8)
    sent = (frame_of("picture", picture), frame_of("mask", np.zeros((0, 4), dtype=np.float32)), frame(3))

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), sent)
        await stream.finish()
        replies = [reply async for reply in stream.replies()]
        assert len(replies) == 1
        assert replies[0].header == ReplyHeader(request_id="1", current_epoch=3, tail_s=0.25).carrying(sent)
        np.testing.assert_array_equal(array_of(replies[0].frames[0]), picture)
        assert [each.spec for each in replies[0].frames] == [each.spec for each in sent]

    serve_to(service, talk)
    assert [request.header for request in service.requests] == [header("1").carrying(sent)]


def test_concurrent_senders_keep_requests_whole() -> None:
    """Chunks of two requests never mix, whoever sends them."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        sizes = {str(index): 200_000 * index for index in range(1, 9)}
        await asyncio.gather(*(stream.send(header(name), [frame(size, int(name))]) for name, size in sizes.items()))
        await stream.finish()
        replies = {reply.header.request_id: reply async for reply in stream.replies()}
        assert replies.keys() == sizes.keys()
        for name, size in sizes.items():
            assert bytes(replies[name].frames[0].payload) == bytes([int(name)]) * size

    serve_to(Echoing(), talk)


class _Reversing:
    """Answers two requests together, the second one first."""

    async def serve(self, stream: InferenceServerStream) -> None:
        requests = [request async for request in stream.requests()]
        await asyncio.gather(
            *(
                stream.reply(ReplyHeader(request_id=each.header.request_id, current_epoch=3), each.frames)
                for each in reversed(requests)
            )
        )


def test_replies_come_in_order_of_completion() -> None:
    """A slow request does not hold back the ones behind it; chunks follow their own header."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), [frame(2_000_000, 1)])
        await stream.send(header("2"), [frame(2_000_000, 2)])
        await stream.finish()
        replies = [reply async for reply in stream.replies()]
        assert [reply.header.request_id for reply in replies] == ["2", "1"]
        assert [memoryview(reply.frames[0].payload)[-1] for reply in replies] == [2, 1]

    serve_to(_Reversing(), talk)


class _Refusing:
    """Refuses every request as of an old epoch."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for request in stream.requests():
            await stream.reply(
                ReplyHeader(
                    request_id=request.header.request_id,
                    current_epoch=9,
                    status=ReplyStatus.STALE,
                    message="epoch 3; expected 9",
                    server_energy_j=0.0,
                    figures=FigureKind.EMULATED,
                )
            )


def test_a_refusal_keeps_the_stream_and_tells_the_epoch() -> None:
    """A stale request is answered, the next one is too; 0 J is a figure, not a gap."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        replies = stream.replies()
        for name in ("1", "2"):
            await stream.send(header(name), [frame(10)])
            reply: Reply = await replies.__anext__()
            assert (reply.header.request_id, reply.header.status) == (name, ReplyStatus.STALE)
            assert (reply.header.current_epoch, reply.header.server_energy_j, reply.frames) == (9, 0.0, ())
        stream.cancel()

    serve_to(_Refusing(), talk)


def chunk(payload: bytes, *, after: int = 0) -> bytes:
    return part_bytes(None, (payload,), xxhash.xxh3_64_intdigest(payload, after))


LYING = dataclasses.replace(ONE, total_bytes=1 << 60)
EMPTY_CHUNK = inference_pb2.InferencePart(chunk=b"", chunk_checksum=0).SerializeToString()

BROKEN = {
    "chunk first": ([chunk(b"abcd")], "a chunk without a header"),
    "empty message": ([b""], "a chunk without a header"),
    "empty chunk": ([head(ONE), EMPTY_CHUNK], "a chunk of 0 bytes; expected 1 to 4"),
    "header twice": ([head(ONE), head(ONE)], "a header while 4 bytes"),
    "chunk too long": ([head(ONE), chunk(b"abcde")], "a chunk of 5 bytes; expected 1 to 4"),
    "chunk after the end": ([head(ONE), chunk(b"abcd"), chunk(b"e")], "a chunk without a header"),
    "payload without tensors": ([part_bytes(HEADER_BYTES, (b"a",), 1)], "a chunk of 1 bytes; expected none"),
    "lying total": ([head(LYING)], "total_bytes is 1152921504606846976; expected 4"),
    "other version": ([head(ONE, contract_version=CONTRACT_VERSION + 1)], f"contract version {CONTRACT_VERSION + 1}"),
    "no header": ([part_bytes(b"\xff", (), 0)], "a header of 1 bytes that is no RequestHeader"),
}


@pytest.mark.parametrize(("messages", "complaint"), BROKEN.values(), ids=BROKEN)
def test_a_broken_stream_is_ended_with_the_reason(messages: list[bytes], complaint: str) -> None:
    """Bytes that do not follow the contract end the stream as INVALID_ARGUMENT: never to be sent again."""

    async def talk(channel: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await drained(raw_call(channel, messages))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert complaint in (caught.value.details() or "")

    serve_to(Echoing(), talk)


class _Lying:
    """Announces a reply with more bytes than its tensors have."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for _ in stream.requests():
            write = stream._write
            wire = inference_pb2.ReplyHeader(
                request_id="1",
                status=inference_pb2.REPLY_STATUS_OK,
                total_bytes=5,
                figures=devices_pb2.FIGURE_KIND_EMULATED,
            )
            await write(part_bytes(wire.SerializeToString(), (), 0))


def test_a_lying_server_is_refused_too() -> None:
    """The edge trusts the server no more than the other way round."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), [])
        with pytest.raises(ContractError, match="total_bytes is 5; expected 0"):
            await stream.replies().__anext__()

    serve_to(_Lying(), talk)


class _Leaving:
    """Ends every stream at its first request."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for _ in stream.requests():
            return


def test_a_stream_that_ended_takes_no_more() -> None:
    """The sender learns that it has to open another."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), [frame(4)])
        assert [reply async for reply in stream.replies()] == []
        with pytest.raises(LinkError, match="the stream to gpu has ended; open another"):
            await stream.send(header("2"), [frame(4)])
        await stream.finish()

    serve_to(_Leaving(), talk)


class _Failing:
    """Fails in the middle, as a server with a defect does."""

    async def serve(self, stream: InferenceServerStream) -> None:
        async for _ in stream.requests():
            raise RuntimeError("a defect")


def test_a_server_that_fails_may_be_tried_once_more() -> None:
    """INTERNAL is what a dying server reports: the edge sends again once, or runs locally."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), [frame(4)])
        with pytest.raises(LinkError, match="gpu: INTERNAL: an unexpected error") as caught:
            await stream.replies().__anext__()
        assert may_be_retried(caught.value)

    serve_to(_Failing(), talk)


class _Watching:
    """Tells when its edge is lost, and tries to answer it nevertheless."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def serve(self, stream: InferenceServerStream) -> None:
        try:
            async for _ in stream.requests():
                self.began.set()
                await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_a_lost_edge_cancels_its_service() -> None:
    """Nothing goes on computing for an edge that is gone."""

    async def run() -> None:
        service = _Watching()
        async with serving(lambda server: add_inference(server, service, guards=None)) as channel:
            stream = InferenceClientStream(channel, peer="gpu")
            await stream.send(header("1"), [frame(4)])
            await asyncio.wait_for(service.began.wait(), TIMEOUT_S)
            stream.cancel()
            stream.cancel()
            await asyncio.wait_for(service.ended.wait(), TIMEOUT_S)

    asyncio.run(run())


class _Late:
    """Answers after its edge has left."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.late: asyncio.Task[None] | None = None

    async def serve(self, stream: InferenceServerStream) -> None:
        async for _ in stream.requests():
            self.late = asyncio.create_task(self._answer(stream))
            self.began.set()

    async def _answer(self, stream: InferenceServerStream) -> None:
        await self.ended.wait()
        await stream.reply(ReplyHeader(request_id="1", current_epoch=0), [frame(4)])


def test_a_reply_to_nobody_is_a_link_error() -> None:
    """A computation that outlives its edge ends in joulecut's own error."""

    async def run() -> None:
        service = _Late()
        async with serving(lambda server: add_inference(server, service, guards=None)) as channel:
            stream = InferenceClientStream(channel, peer="gpu")
            await stream.send(header("1"), [frame(4)])
            await asyncio.wait_for(service.began.wait(), TIMEOUT_S)
            await stream.finish()
            assert [reply async for reply in stream.replies()] == []
            service.ended.set()
            assert service.late is not None
            with pytest.raises(LinkError, match="the edge left before reply '1' was sent"):
                await service.late

    asyncio.run(run())


def outgoing_of(stream: InferenceServerStream) -> tuple[str | None, int]:
    return None if stream.outgoing is None else stream.outgoing.request_id, stream.written_parts


def test_a_cancelled_replier_leaves_a_whole_reply() -> None:
    """Half a reply would shift every byte after it."""
    written: list[bytes] = []
    gate = asyncio.Event()

    async def write(message: bytes) -> None:
        written.append(message)
        await gate.wait()

    async def run() -> None:
        stream = InferenceServerStream(iter_async([]), write)
        task = asyncio.create_task(stream.reply(ReplyHeader(request_id="1", current_epoch=0), [frame(2_500_000)]))
        while not written:
            await asyncio.sleep(0)
        assert outgoing_of(stream) == ("1", 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await stream.reply(ReplyHeader(request_id="2", current_epoch=0))
        assert outgoing_of(stream) == (None, 4)

    asyncio.run(run())
    parts = [read_part(message, peer="the server") for message in written]
    assert [part.header is not None for part in parts] == [True, False, False, True]
    assert [part.chunk.nbytes for part in parts] == [1 << 20, 1 << 20, 2_500_000 - (2 << 20), 0]


def test_replies_that_wait_for_their_turn_hold_no_copy() -> None:
    """A peer that reads slowly would otherwise cost a second megabyte for each of its replies."""
    gate = asyncio.Event()
    replies, size_bytes = 6, 1_000_000

    async def write(_: bytes) -> None:
        await gate.wait()

    async def run() -> int:
        stream = InferenceServerStream(iter_async([]), write)
        frames = [frame(size_bytes)]
        tracemalloc.start()
        try:
            sending = [
                asyncio.create_task(stream.reply(ReplyHeader(request_id=str(number), current_epoch=0), frames))
                for number in range(replies)
            ]
            while stream.outgoing is None:
                await asyncio.sleep(0)
            for _ in range(replies):
                await asyncio.sleep(0)
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        gate.set()
        await asyncio.gather(*sending)
        return held_bytes

    held_bytes = asyncio.run(run())
    assert size_bytes < held_bytes < 2 * size_bytes
