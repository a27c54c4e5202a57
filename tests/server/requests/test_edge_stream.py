"""One edge's stream: what it holds is free again, at whatever moment it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from joulecut_core.errors import LinkError
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import ReplyHeader, Request, RequestHeader
from joulecut_proto.streaming.checksums import chunk_checksum
from joulecut_proto.streaming.header_writing import request_header_bytes
from joulecut_proto.streaming.parts import part_bytes
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_proto.tensors import flat
from joulecut_server.limits import Limits
from joulecut_server.requests.edge_stream import EdgeStream
from joulecut_server.requests.recent import Answered
from joulecut_server.requests.spans import RequestSpans
from joulecut_server.requests.stream_room import Place, Room, StreamRoom
from tests.server.parts import PICTURE, RAW


def message() -> bytes:
    """A whole request."""
    (frame,) = RAW.encode((PICTURE,))
    header = RequestHeader(
        session_id="edge-1", request_id="r", epoch=1, network_digest="d", cut=0, codec="raw", variant=""
    )
    pieces = (flat(frame.payload),)
    return part_bytes(request_header_bytes(header, (frame,)), pieces, chunk_checksum(pieces))


async def answer(request: Request, place: Place) -> Answered | None:
    del request, place
    await asyncio.sleep(60)
    return None


def test_a_request_that_comes_as_its_stream_is_cut_off_leaves_no_place_taken() -> None:
    """It is admitted, and its stream ends before anything was done about it: the room is there for others again."""

    async def run() -> None:
        request = message()
        waits, arrived = asyncio.Event(), asyncio.Event()

        async def messages() -> AsyncIterator[bytes]:
            waits.set()
            await arrived.wait()
            yield request
            await asyncio.sleep(60)

        async def write(part: bytes) -> None:
            del part

        async def admit(header: RequestHeader, of_stream: StreamRoom) -> Place | ReplyHeader:
            place = await of_stream.place(header.total_bytes, "edge-1")
            admitted.append(place)
            return place

        admitted: list[Place] = []
        room = Room(Limits())
        stream = InferenceServerStream(messages(), write)
        served = EdgeStream(stream, room.for_stream(), admit, answer, RequestSpans(ManualClock()))
        serving = asyncio.create_task(served.serve())
        await waits.wait()
        served.cut_off(LinkError("by other rules"))
        arrived.set()
        with pytest.raises(LinkError, match="by other rules"):
            await serving
        for _ in range(3):
            await asyncio.sleep(0)
        assert (len(admitted), room.requests, room.taken_bytes) == (1, 0, 0)

    asyncio.run(run())
