"""What a server takes for a request once a fault is over: as much as before, in the device's own seconds.

`benchmarks/chaos.py` compares wall seconds in a storm's fault-free stretches, which say nothing on a busy host. What a
fault may leave behind that makes later requests slower is there in virtual seconds too: work that nobody waits for any
more, a clock, tensors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

import pytest

from joulecut_core.plans import Assignment
from joulecut_proto.convert_inference import REQUEST_HEADER
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.streaming.parts import part_bytes
from tests.integration.tiny_network import tiny_network
from tests.server.parts import Parts, Talk, WaitingRunner, with_parts
from tests.server.test_streams_under_load import STREAM, LosingRunner, header_of, run_by, until_free

MANY = 8
"""Requests before, and after each fault."""
_Fault = Callable[[Parts, Talk], Awaitable[None]]


async def served(parts: Parts, talk: Talk, assignment: Assignment) -> list[float]:
    """The server's virtual seconds of some requests, one after the other."""
    run_by(parts, parts.runner)
    found = []
    for number in range(MANY):
        await talk.send(assignment, f"{parts.clock.now_s()}/{number}")
        header = (await talk.reply()).header
        assert header.status is ReplyStatus.OK, header.message
        found.append(header.queue_s + header.decode_s + header.tail_s)
    return found


async def an_edge_vanishes_in_the_middle(parts: Parts, talk: Talk) -> None:
    """Of another edge one request runs and four wait when it is gone, with its wish for a clock."""
    assignment = await parts.joined(session_id="edge-2")
    waiting, other = WaitingRunner(parts), Talk(talk.channel)
    run_by(parts, waiting)
    for number in range(5):
        await other.send(assignment, f"{parts.clock.now_s()}/{number}", session_id="edge-2")
    await waiting.began.wait()
    other.leave()
    while parts.inference.recent.running > 1:
        await asyncio.sleep(0.001)
    waiting.may_end.set()
    while parts.sessions.current_epoch("edge-2"):
        await asyncio.sleep(0.001)


async def half_a_request_comes(parts: Parts, talk: Talk) -> None:
    """A stream ends before any of its request's tensor is there."""
    assignment = await parts.joined(session_id="edge-3")
    call: Any = cast(Any, talk.channel).stream_stream(STREAM)()
    header = REQUEST_HEADER.to_wire(header_of(assignment, session_id="edge-3")).SerializeToString()
    await call.write(part_bytes(header, (), 0))
    while parts.inference.room.taken_bytes == 0:
        await asyncio.sleep(0.001)
    call.cancel()
    while parts.sessions.current_epoch("edge-3"):
        await asyncio.sleep(0.001)


async def the_device_is_lost(parts: Parts, talk: Talk) -> None:
    """Requests fail until it is back."""
    assignment = await parts.joined(session_id="edge-4")
    other = Talk(talk.channel)
    run_by(parts, LosingRunner(tiny_network(), parts.device))
    for number in range(3):
        await other.send(assignment, f"{parts.clock.now_s()}/{number}", session_id="edge-4")
        assert (await other.reply()).header.status is ReplyStatus.FAILED
    other.leave()
    while parts.sessions.current_epoch("edge-4"):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("fault", [an_edge_vanishes_in_the_middle, half_a_request_comes, the_device_is_lost])
def test_a_request_takes_as_long_as_before(tmp_path: Path, fault: _Fault) -> None:
    """After each of three times: no line, decode and tail within a tenth, and nobody's clock or tensors are left."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        before = await served(parts, talk, assignment)
        for _ in range(3):
            await fault(parts, talk)
            await until_free(parts)
            assert median(await served(parts, talk, assignment)) == pytest.approx(median(before), rel=0.1)
        talk.leave()
        while parts.inference.streams or parts.clocks.leased is not None:
            await asyncio.sleep(0.001)
        assert (parts.inference.waiting, parts.inference.room.taken_bytes) == (0, 0)

    with_parts(tmp_path, use)
