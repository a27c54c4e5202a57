"""Items put together: where their bytes lie, what is kept of the message before, what is checked again."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.streaming.checksums import chunk_checksum
from joulecut_proto.streaming.collecting import Collected, Collector
from joulecut_proto.streaming.header_writing import reply_header_bytes
from joulecut_proto.streaming.parts import Part, part_bytes
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from tests.proto.streaming.stream_messages import frame, header, messages_of

FRAMES = (frame(5, 1), TensorFrame(spec=TensorSpec(name="none", dtype="float32", shape=(0,)), payload=b""), frame(3, 2))
PAYLOAD = b"".join(bytes(each.payload) for each in FRAMES)


def part(content: bytes, *, begins: bool = True, checksum: int | None = None) -> Part:
    return Part(
        b"" if begins else None, memoryview(content), chunk_checksum((content,)) if checksum is None else checksum
    )


def contents(item: Collected[RequestHeader] | None) -> list[bytes] | None:
    assert item is not None
    return None if item.frames is None else [bytes(each.payload) for each in item.frames]


@pytest.mark.parametrize("apart", [False, True], ids=["in one message", "header by itself"])
def test_a_payload_in_one_chunk_is_not_copied(apart: bool) -> None:
    """Several tensors, an empty one among them, are views into the message that brought them, and cannot be written."""
    collector: Collector[RequestHeader] = Collector()
    collector.begin(header("1").carrying(FRAMES))
    if apart:
        assert collector.take(Part(b"", memoryview(b""), 0)) is None
    item = collector.take(part(PAYLOAD, begins=not apart))
    assert contents(item) == [bytes(each.payload) for each in FRAMES]
    assert item is not None
    assert item.frames is not None
    views = [cast(memoryview, each.payload) for each in item.frames]
    assert all(each.readonly and each.obj is PAYLOAD for each in views)
    assert item.checksum == chunk_checksum((PAYLOAD,))


def test_one_chunk_and_many_have_the_same_tensors() -> None:
    """However a sender cuts its payload."""
    collector: Collector[RequestHeader] = Collector()
    for size_bytes in (1, 3, len(PAYLOAD)):
        collector.begin(header("1").carrying(FRAMES))
        item, checksum = None, 0
        for start in range(0, len(PAYLOAD), size_bytes):
            assert item is None
            chunk = PAYLOAD[start : start + size_bytes]
            checksum = chunk_checksum((chunk,), checksum)
            item = collector.take(part(chunk, begins=start == 0, checksum=checksum))
        assert contents(item) == [bytes(each.payload) for each in FRAMES]


def test_damaged_and_dropped_payloads_of_one_chunk_are_not_given_out() -> None:
    """The item is, so that it is answered; the one behind it is sound again."""
    collector: Collector[RequestHeader] = Collector()
    sound = header("1").carrying(FRAMES)
    collector.begin(sound)
    assert contents(collector.take(part(PAYLOAD, checksum=1))) is None
    collector.begin(sound)
    collector.drop()
    assert contents(collector.take(part(PAYLOAD))) is None
    collector.begin(sound)
    assert contents(collector.take(part(PAYLOAD))) is not None


@pytest.mark.parametrize("broken", range(len(PAYLOAD)))
def test_damaged_and_dropped_payloads_of_several_chunks_are_not_given_out(broken: int) -> None:
    """Whichever chunk it is, all of them are taken in, and the item behind is sound again."""

    def taken(collector: Collector[RequestHeader], *, damaged: int = -1, dropped: int = -1) -> list[bytes] | None:
        collector.begin(header("1").carrying(FRAMES))
        item, checksum = None, 0
        for place in range(len(PAYLOAD)):
            assert item is None
            if place == dropped:
                collector.drop()
            chunk = PAYLOAD[place : place + 1]
            checksum = chunk_checksum((chunk,), checksum)
            item = collector.take(part(chunk, begins=place == 0, checksum=checksum ^ (place == damaged)))
        return contents(item)

    collector: Collector[RequestHeader] = Collector()
    sound = [bytes(each.payload) for each in FRAMES]
    assert taken(collector, damaged=broken) is None
    assert taken(collector) == sound
    assert taken(collector, dropped=broken) is None
    assert taken(collector) == sound


def test_a_later_chunk_is_never_taken_for_a_whole_payload() -> None:
    """However long it is: half of one payload would otherwise stay behind, and be the beginning of the next."""
    collector: Collector[RequestHeader] = Collector()
    collector.begin(header("1").carrying(FRAMES))
    assert collector.take(part(PAYLOAD[:1])) is None
    with pytest.raises(ContractError, match="8 bytes"):
        collector.take(part(PAYLOAD, begins=False))


def test_what_was_sound_before_does_not_excuse_what_comes() -> None:
    """A header like the one before is believed; one that differs in a single number is checked anew."""
    collector: Collector[RequestHeader] = Collector()
    sound = header("1").carrying(FRAMES)
    collector.begin(sound)
    collector.take(part(PAYLOAD))
    lying = dataclasses.replace(sound, total_bytes=sound.total_bytes + 1)
    longer = (dataclasses.replace(sound.tensors[0], payload_bytes=6), *sound.tensors[1:])
    for broken in (lying, dataclasses.replace(sound, tensors=longer, total_bytes=9)):
        with pytest.raises(ContractError, match="expected"):
            collector.begin(broken)
    collector.begin(sound)
    with pytest.raises(ContractError, match="a header while 8 bytes of the item before it are missing"):
        collector.begin(sound)


class _Given:
    """Gives its only message, and then waits for ever; at `waits` the reader has come back for more."""

    def __init__(self, message: bytes) -> None:
        self._messages = [message]
        self.waits = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast(AsyncIterator[bytes], self)

    async def __anext__(self) -> bytes:
        if self._messages:
            return self._messages.pop()
        self.waits.set()
        await asyncio.Event().wait()
        raise StopAsyncIteration


async def _nothing(_: bytes) -> None:
    pass


class _Channel:
    """Opens a stream that brings what was given."""

    def __init__(self, given: _Given) -> None:
        self._given = given

    def stream_stream(self, _: str) -> Any:
        return lambda **_: self._given


@pytest.mark.parametrize("side", ["server", "client"])
def test_an_idle_stream_keeps_no_message(side: str) -> None:
    """Thousands of streams that wait would otherwise hold a megabyte each."""

    if side == "server":
        message = messages_of("1", 100_000)[0]
    else:
        sent = frame(100_000)
        reply = reply_header_bytes(ReplyHeader(request_id="1", current_epoch=3), [sent])
        message = part_bytes(reply, (sent.payload,), chunk_checksum((sent.payload,)))

    async def run() -> None:
        given = _Given(message)
        before = sys.getrefcount(message)
        items: AsyncIterator[object] = (
            InferenceServerStream(given, _nothing).requests()
            if side == "server"
            else InferenceClientStream(cast(Any, _Channel(given)), peer="the server").replies()
        )

        async def read() -> None:
            async for item in items:
                del item

        reading = asyncio.create_task(read())
        await given.waits.wait()
        # One fewer: it has left the list.
        assert sys.getrefcount(message) == before - 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(run())
