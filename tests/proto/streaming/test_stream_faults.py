"""What is damaged, refused or slow on an inference stream, and what of it the service and the edge see."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterable
from typing import cast

import grpc
import grpc.aio
import pytest
import xxhash

from joulecut_core.errors import LinkError
from joulecut_proto.convert_inference import REQUEST_HEADER
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.status import may_be_retried
from joulecut_proto.streaming import streams
from joulecut_proto.streaming.parts import part_bytes, read_part
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensors import CHUNK_BYTES
from joulecut_proto.v1 import inference_pb2
from tests.proto.streaming.stream_messages import (
    ONE,
    Echoing,
    drained,
    flipped,
    frame,
    head,
    header,
    iter_async,
    messages_of,
    raw_call,
    serve_to,
)


def test_a_damaged_request_fails_alone() -> None:
    """Its framing is sound: it is answered FAILED, to be sent again, never computed, and the next one is served."""
    service = Echoing()
    whole, tensors = REQUEST_HEADER.to_wire(ONE).SerializeToString(), b"abcd"
    damaged = flipped(part_bytes(whole, (tensors,), xxhash.xxh3_64_intdigest(tensors)), -1)
    next_one = part_bytes(whole, (tensors,), xxhash.xxh3_64_intdigest(tensors))

    async def talk(channel: grpc.aio.Channel) -> None:
        call = raw_call(channel, [damaged, next_one])
        replies = [read_part(cast(bytes, await call.read()), peer="the server") for _ in range(2)]
        statuses = [inference_pb2.ReplyHeader.FromString(reply.header or b"") for reply in replies]
        assert [each.status for each in statuses] == [inference_pb2.REPLY_STATUS_FAILED, inference_pb2.REPLY_STATUS_OK]
        assert statuses[0].message == "its tensors were damaged on the way; send it again"
        assert bytes(replies[1].chunk) == tensors

    serve_to(service, talk)
    assert len(service.requests) == 1
    assert service.requests[0].checksum == xxhash.xxh3_64_intdigest(tensors)


def test_damaged_requests_fill_no_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty lines a minute, of whoever sends wrong checksums as fast as it can."""
    monkeypatch.setattr(streams, "_LINES", LogLimit(logging.getLogger(streams.__name__)))
    whole, tensors = REQUEST_HEADER.to_wire(ONE).SerializeToString(), b"abcd"
    damaged = part_bytes(whole, (tensors,), 0)

    async def talk(channel: grpc.aio.Channel) -> None:
        call = raw_call(channel, [damaged] * 200)
        for _ in range(200):
            await call.read()

    with caplog.at_level(logging.WARNING):
        serve_to(Echoing(), talk)
    assert sum("was damaged on its way" in message for message in caplog.messages) == 60


def test_a_damaged_header_ends_the_stream_to_be_opened_again() -> None:
    """Nothing after it can be told apart; UNAVAILABLE, since the same request may well be sent again."""

    async def talk(channel: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await drained(raw_call(channel, [flipped(head(ONE), 5)]))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "a header was damaged on its way" in (caught.value.details() or "")

    serve_to(Echoing(), talk)


class _Damaging:
    """Answers each request with its own tensors, one bit of which changes on the way."""

    def __init__(self, place: int) -> None:
        self._place = place

    async def serve(self, stream: InferenceServerStream) -> None:
        write = stream._write
        stream._write = lambda message: write(flipped(message, self._place))
        async for request in stream.requests():
            await stream.reply(ReplyHeader(request_id=request.header.request_id, current_epoch=3), request.frames)


def test_a_damaged_reply_fails_alone() -> None:
    """The edge hears that its request has no answer, and the stream goes on."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        replies = stream.replies()
        for name in ("1", "2"):
            await stream.send(header(name), [frame(10)])
            reply = await replies.__anext__()
            assert (reply.header.request_id, reply.header.status) == (name, ReplyStatus.FAILED)
            assert (reply.header.tensors, reply.frames) == ((), ())
        stream.cancel()

    serve_to(_Damaging(-1), talk)


def test_a_damaged_reply_header_is_a_lost_link() -> None:
    """Which request it answered is not known: all that wait are sent again on another stream."""

    async def talk(channel: grpc.aio.Channel) -> None:
        stream = InferenceClientStream(channel, peer="gpu")
        await stream.send(header("1"), [frame(10)])
        with pytest.raises(LinkError, match="gpu: a header was damaged on its way") as caught:
            await stream.replies().__anext__()
        assert may_be_retried(caught.value)

    serve_to(_Damaging(3), talk)


class _Bouncer:
    """Refuses what is larger than 2 MB, and keeps the books."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.given_back: list[str] = []

    async def admit(self, header: RequestHeader) -> ReplyHeader | None:
        if header.total_bytes > 2_000_000:
            return ReplyHeader(
                request_id=header.request_id, current_epoch=3, status=ReplyStatus.OVERLOADED, message="too much"
            )
        self.reserved[header.request_id] = header.total_bytes
        return None

    def give_back(self, header: RequestHeader) -> None:
        del self.reserved[header.request_id]
        self.given_back.append(header.request_id)


async def requests_of(
    messages: Iterable[bytes], admission: _Bouncer
) -> tuple[InferenceServerStream, list[str], list[bytes]]:
    """What a server's end makes of messages: itself, ids of the requests given out, what it wrote."""
    written: list[bytes] = []

    async def write(message: bytes) -> None:
        written.append(message)

    stream = InferenceServerStream(iter_async(messages), write)
    ids = [request.header.request_id async for request in stream.requests(admission)]
    return stream, ids, written


def test_a_request_is_refused_by_its_header() -> None:
    """Before its bytes are there, and they are not kept; the requests around it are served."""
    large = messages_of("large", 3_000_000)
    bouncer = _Bouncer()
    whole = [*messages_of("1", 10), *large, *messages_of("2", 1_900_000)]
    stream, ids, written = asyncio.run(requests_of(whole, bouncer))
    assert ids == ["1", "2"]
    (refusal,) = written
    wire = inference_pb2.ReplyHeader.FromString(read_part(refusal, peer="the server").header or b"")
    assert (wire.request_id, wire.status) == ("large", inference_pb2.REPLY_STATUS_OVERLOADED)
    assert (bouncer.reserved, bouncer.given_back) == ({"1": 10, "2": 1_900_000}, [])
    assert (stream.incoming, stream.taken_parts) == (None, len(whole))
    early = asyncio.run(requests_of(large[:1], bouncer))
    assert len(early[2]) == 1


def test_what_an_admitted_request_reserved_is_given_back() -> None:
    """Where it was damaged, and where its stream ended before its end; given out, it is the server's to give back."""
    bouncer = _Bouncer()
    damaged = flipped(messages_of("damaged", 10)[0], -1)
    truncated = messages_of("truncated", 1_900_000)[:1]
    _, ids, written = asyncio.run(requests_of([damaged, *messages_of("whole", 5), *truncated], bouncer))
    assert ids == ["whole"]
    assert len(written) == 1
    assert bouncer.given_back == ["damaged", "truncated"]
    assert bouncer.reserved == {"whole": 5}


def incoming_of(stream: InferenceServerStream) -> tuple[str | None, int]:
    return None if stream.incoming is None else stream.incoming.request_id, stream.taken_parts


def test_a_slow_writer_can_be_told() -> None:
    """While a request's payload is under way the stream says so, and that nothing comes."""

    async def run() -> None:
        gate, reached = asyncio.Event(), asyncio.Event()

        async def messages() -> AsyncIterator[bytes]:
            yield messages_of_two[0]
            reached.set()
            await gate.wait()
            yield messages_of_two[1]

        async def write(_: bytes) -> None:
            raise AssertionError("nothing to say")

        stream = InferenceServerStream(messages(), write)
        requests = asyncio.ensure_future(anext(stream.requests()))
        await reached.wait()
        assert incoming_of(stream) == ("slow", 1)
        gate.set()
        assert (await requests).header.request_id == "slow"
        assert incoming_of(stream) == (None, 2)

    messages_of_two = messages_of("slow", 1_500_000)
    asyncio.run(run())


def test_a_reply_that_gets_on_can_be_told() -> None:
    """Its bytes are counted as they are taken: who reads a large one steadily is no slow peer."""
    seen: list[tuple[int, int]] = []
    sent: list[int] = []

    async def write(part: bytes) -> None:
        seen.append((stream.written_bytes, stream.outgoing_bytes))
        sent.append(len(part))

    stream = InferenceServerStream(iter_async([]), write)
    large = frame(3 * CHUNK_BYTES)
    for _ in range(2):
        asyncio.run(stream.reply(ReplyHeader(request_id="r", current_epoch=1), (large,)))
        assert seen == [(sum(sent[:index]), 3 * CHUNK_BYTES) for index in range(3)]
        seen.clear()
        sent.clear()


def test_large_replies_leave_nothing_behind() -> None:
    """A stream may last for months, and each of its replies be larger than a message."""

    async def write(part: bytes) -> None:
        del part

    def ended() -> int:
        gc.collect()
        # Not isinstance: it asks each object for its class, and one of torch warns of that.
        return sum(issubclass(type(each), asyncio.Task) and each.done() for each in gc.get_objects())

    async def run() -> None:
        stream = InferenceServerStream(iter_async([]), write)
        large, before = frame(CHUNK_BYTES + 1), ended()
        for _ in range(3):
            await stream.reply(ReplyHeader(request_id="r", current_epoch=1), (large,))
        await asyncio.sleep(0)
        assert ended() == before

    asyncio.run(run())


def test_a_large_reply_that_nobody_reads_ends_with_its_stream() -> None:
    """It would be sent whole even where its caller has left, and hold its tensors for as long as the peer likes."""

    async def run() -> None:
        blocked = asyncio.Event()

        async def write(part: bytes) -> None:
            del part
            blocked.set()
            await asyncio.sleep(60)

        stream = InferenceServerStream(iter_async([]), write)
        header, large = ReplyHeader(request_id="r", current_epoch=1), (frame(CHUNK_BYTES + 1),)
        replying = asyncio.create_task(stream.reply(header, large))
        await blocked.wait()
        stream.abandon()
        await asyncio.wait({replying}, timeout=5)
        assert replying.cancelled()
        with pytest.raises(LinkError, match="given up on its way"):
            await stream.reply(header)

    asyncio.run(run())


def test_after_a_reply_that_was_given_up_nothing_is_sent() -> None:
    """GRPC may still be writing it: a second message beside it would be refused there, or land in its middle."""
    written: list[bytes] = []
    stuck = asyncio.Event()

    async def write(message: bytes) -> None:
        written.append(message)
        if len(written) > 1:
            stuck.set()
            await asyncio.Event().wait()

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield

    async def run() -> None:
        stream = InferenceServerStream(nothing(), write)
        await stream.reply(ReplyHeader(request_id="first", current_epoch=1))
        replying = asyncio.create_task(stream.reply(ReplyHeader(request_id="second", current_epoch=1)))
        await stuck.wait()
        replying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await replying
        with pytest.raises(LinkError, match="a reply before 'third' was given up on its way"):
            await stream.reply(ReplyHeader(request_id="third", current_epoch=1))

    asyncio.run(run())
    assert len(written) == 2
