"""What edges do to a server over real streams: send again, send too much, stand still, vanish. Nobody else notices."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

import grpc
import pytest
import torch
from torch import Tensor

from joulecut_core.errors import DeviceError
from joulecut_core.plans import Assignment
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.convert_inference import REQUEST_HEADER
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.servicers import add_inference
from joulecut_proto.streaming.checksums import PayloadChecksum
from joulecut_proto.streaming.parts import part_bytes
from joulecut_runtime.execution.part_runner import PartRunner, Stage, TailRun
from joulecut_runtime.wires.codecs import Codec
from joulecut_server.limits import Limits
from joulecut_server.served_network import ServedNetworks
from tests.integration.tiny_network import tiny_network
from tests.proto.serving import TIMEOUT_S, serving
from tests.server.parts import PICTURE, RAW, Parts, Talk, WaitingRunner, with_parts

STREAM = "/joulecut.v1.Inference/Stream"
STALL_S = 0.2
PICTURE_BYTES = PICTURE.numel() * PICTURE.element_size()


def header_of(assignment: Assignment, request_id: str = "r", *, session_id: str = "edge-1") -> RequestHeader:
    return RequestHeader(
        session_id=session_id,
        request_id=request_id,
        epoch=assignment.epoch,
        network_digest=assignment.network_digest,
        cut=assignment.cut,
        codec=assignment.codec,
        variant=assignment.variant,
    ).carrying(RAW.encode((PICTURE,)))


def run_by(parts: Parts, runner: PartRunner) -> None:
    """Let another runner compute."""
    parts.inference._networks = ServedNetworks((replace(next(iter(parts.networks)), runner=runner),))


async def until_free(parts: Parts) -> None:
    """Wait until nothing is on its way."""
    while parts.inference.room.taken_bytes or parts.inference.recent.running:
        await asyncio.sleep(0.001)


def test_a_retry_on_another_stream_gets_the_kept_answer(tmp_path: Path) -> None:
    """The stream broke when the answer was on its way: the device computes nothing twice, and the reply says so."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        first = await talk.ask(assignment)
        busy_s = parts.runner.busy_s
        talk.leave()
        again = Talk(talk.channel)
        # As the edge does: its session ended with the stream, so that it plans again first.
        while parts.sessions.current_epoch("edge-1"):
            await asyncio.sleep(0.001)
        planned = await parts.joined()
        await again.send(planned, attempt=1)
        reply = await again.reply()
        assert (first.header.origin, reply.header.origin) == (Origin.COMPUTED, Origin.KEPT)
        assert reply.header.current_epoch == planned.epoch > assignment.epoch
        assert torch.equal(RAW.decode(reply.frames)[0], RAW.decode(first.frames)[0])
        assert parts.runner.busy_s == busy_s

    with_parts(tmp_path, use)


def test_a_retry_joins_what_its_broken_stream_began(tmp_path: Path) -> None:
    """The computation goes on without its stream, and answers on the one that the request came on last."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        run_by(parts, waiting)
        await talk.send(assignment)
        await waiting.began.wait()
        again = Talk(talk.channel)
        await again.send(assignment, attempt=1)
        while parts.inference.room.taken_bytes < 2 * PICTURE_BYTES:
            await asyncio.sleep(0.001)
        talk.leave()
        waiting.may_end.set()
        reply = await again.reply()
        assert (reply.header.status, reply.header.origin) == (ReplyStatus.OK, Origin.KEPT)
        await until_free(parts)

    with_parts(tmp_path, use)


def test_what_waits_is_dropped_with_its_stream(tmp_path: Path) -> None:
    """Of a killed edge's requests the one that runs is finished, and the others cost the device nothing."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        run_by(parts, waiting)
        for number in range(5):
            await talk.send(assignment, str(number))
        while parts.inference.recent.running < 5:
            await asyncio.sleep(0.001)
        await waiting.began.wait()
        talk.leave()
        while parts.inference.recent.running > 1:
            await asyncio.sleep(0.001)
        waiting.may_end.set()
        await until_free(parts)
        assert len(parts.inference.recent) == 1

    with_parts(tmp_path, use)


def test_a_late_request_is_not_computed(tmp_path: Path) -> None:
    """Its budget was used up while it waited: refused, and the device is free for others."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        run_by(parts, waiting)
        await talk.send(assignment, "first")
        await waiting.began.wait()
        await talk.send(assignment, "second", budget_s=0.5)
        while parts.inference.recent.running < 2:
            await asyncio.sleep(0.001)
        parts.clock.advance_s(0.6)
        waiting.may_end.set()
        assert (await talk.reply()).header.status is ReplyStatus.OK
        late = (await talk.reply()).header
        assert (late.request_id, late.status) == ("second", ReplyStatus.LATE)

    with_parts(tmp_path, use)


def test_tensors_beyond_the_server_s_memory_are_refused_and_the_stream_goes_on(tmp_path: Path) -> None:
    """Overload with a time to come back, told before they are taken in; once there is room they are."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        run_by(parts, waiting)
        await talk.send(assignment, "first")
        await waiting.began.wait()
        other = Talk(talk.channel)
        await other.send(assignment, "second")
        refused = (await other.reply()).header
        assert (refused.status, refused.request_id) == (ReplyStatus.OVERLOADED, "second")
        assert refused.retry_after_s > 0
        waiting.may_end.set()
        assert (await talk.reply()).header.status is ReplyStatus.OK
        await until_free(parts)
        await other.send(assignment, "second", attempt=1)
        assert (await other.reply()).header.status is ReplyStatus.OK

    limits = Limits(tensor_bytes=PICTURE_BYTES + 1, stream_tensor_bytes=PICTURE_BYTES)
    with_parts(tmp_path, use, limits=limits)


def test_a_full_stream_is_read_no_further(tmp_path: Path) -> None:
    """More requests than may be under way wait with the edge, and are all answered in the end."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        waiting = WaitingRunner(parts)
        run_by(parts, waiting)
        sending = asyncio.gather(*(talk.send(assignment, str(number)) for number in range(9)))
        await waiting.began.wait()
        for _ in range(50):
            await asyncio.sleep(0.001)
            assert parts.inference.room.taken_bytes <= 3 * PICTURE_BYTES
        waiting.may_end.set()
        replies = [(await talk.reply()).header for _ in range(9)]
        await sending
        assert {reply.status for reply in replies} == {ReplyStatus.OK}

    with_parts(tmp_path, use, limits=Limits(in_flight=3))


def test_streams_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    """With a status that says which limit; when one has gone there is room again."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        assert (await talk.ask(assignment)).header.status is ReplyStatus.OK
        with pytest.raises(StreamRefusedError, match="1 streams are open, the most that this server holds"):
            await Talk(talk.channel).reply()
        talk.leave()
        while parts.inference.streams:
            await asyncio.sleep(0.001)
        planned = await parts.joined()
        assert (await Talk(talk.channel).ask(planned)).header.status is ReplyStatus.OK

    with_parts(tmp_path, use, limits=Limits(streams=1))


def held_bytes(talk: Callable[[int], Awaitable[None]], enough_bytes: int) -> int:
    """How many more bytes `talk` of two calls leaves than of one: once fewer than `enough_bytes`, or long after."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        await talk(1)
        gc.collect()
        tracemalloc.start()
        gc.disable()
        try:
            await talk(2)
            end_s = loop.time() + TIMEOUT_S
            while (held := tracemalloc.get_traced_memory()[0]) >= enough_bytes and loop.time() < end_s:
                await asyncio.sleep(0.001)
            return held
        finally:
            gc.enable()
            tracemalloc.stop()

    return asyncio.run(run())


def test_a_refused_stream_leaves_nothing_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its last message may be 64 MiB of nothing: whoever opens one such stream after another would take all memory."""
    # pytest keeps what is logged, with the errors in it.
    caplog.set_level(logging.CRITICAL, logger="joulecut_proto")
    parts, nothing = Parts(tmp_path), b"\xff" * (8 << 20)

    async def talk(times: int) -> None:
        async with serving(lambda server: add_inference(server, parts.inference, guards=None)) as channel:
            for _ in range(times):
                call: Any = cast(Any, channel).stream_stream(STREAM)()
                await call.write(nothing)
                assert await call.code() is grpc.StatusCode.UNAVAILABLE

    assert held_bytes(talk, len(nothing)) < len(nothing)
    parts.worker.close()
    parts.device.close()


def test_a_request_that_stops_half_way_is_cut_off(tmp_path: Path) -> None:
    """Its buffer and its session's clock are free again, and the edge is told why; a silent stream beside it stays."""

    async def use(parts: Parts, talk: Talk) -> None:
        silent = await parts.joined(session_id="silent")
        await talk.send(silent, session_id="silent")
        await talk.reply()
        assignment = await parts.joined()
        call: Any = talk.channel.stream_stream(STREAM)()  # type: ignore[attr-defined, unused-ignore]
        header = REQUEST_HEADER.to_wire(header_of(assignment)).SerializeToString()
        await call.write(part_bytes(header, (), 0))
        while parts.inference.room.taken_bytes == 0:
            await asyncio.sleep(0.001)
        assert (await call.details()).startswith(
            f"cut off: nothing more came of a request that had begun for {STALL_S} s"
        )
        await until_free(parts)
        while parts.sessions.current_epoch("edge-1"):
            await asyncio.sleep(0.001)
        await talk.send(silent, "again", session_id="silent")
        assert (await talk.reply()).header.status is ReplyStatus.OK
        assert parts.inference.slow_peers.cut_off == 1

    with_parts(tmp_path, use, limits=Limits(stall_s=STALL_S))


def test_a_request_that_trickles_is_cut_off(tmp_path: Path) -> None:
    """A byte now and then is progress, but not enough: the memory of its tensor is free again, its session over."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        call: Any = talk.channel.stream_stream(STREAM)()  # type: ignore[attr-defined, unused-ignore]
        header = REQUEST_HEADER.to_wire(header_of(assignment)).SerializeToString()
        await call.write(part_bytes(header, (), 0))
        while parts.inference.room.taken_bytes == 0:
            await asyncio.sleep(0.001)
        [mine] = [stream for stream in parts.inference._streams if stream.incoming is not None]
        checksum, looks = PayloadChecksum(), 0
        while parts.inference.slow_peers.cut_off == 0:
            await call.write(part_bytes(None, (b"x",), checksum.take(b"x")))
            while mine.taken_bytes <= looks:
                await asyncio.sleep(0.001)
            parts.inference.slow_peers.look()
            looks += 1
        assert looks == 6
        assert "a request came at a rate at which it would take longer than" in await call.details()
        await until_free(parts)
        while parts.sessions.current_epoch("edge-1"):
            await asyncio.sleep(0.001)
        assert parts.inference.slow_peers.cut_off == 1

    # No timer looks within the test.
    with_parts(tmp_path, use, limits=Limits(stall_s=1e6, transfer_s=1e7))


class Verbose(PartRunner):
    """Answers with more than any window between two peers holds."""

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> TailRun:
        del cut, codec, encoded
        outputs: tuple[Tensor, ...] = (torch.zeros(24 << 20, dtype=torch.uint8),)
        return TailRun(outputs=outputs, decode=Stage(), tail=Stage())


@pytest.mark.parametrize("ended", [False, True])
def test_an_edge_that_does_not_read_is_cut_off(tmp_path: Path, *, ended: bool) -> None:
    """Its results are dropped and its session ends, though it never takes notice; others are answered.

    So it is where it has said that no more requests come.
    """

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        run_by(parts, Verbose(tiny_network(), parts.device))
        call: Any = talk.channel.stream_stream(STREAM)()  # type: ignore[attr-defined, unused-ignore]
        frames = RAW.encode((PICTURE,))
        header = REQUEST_HEADER.to_wire(header_of(assignment)).SerializeToString()
        await call.write(part_bytes(header, (frames[0].payload,), PayloadChecksum().take(frames[0].payload)))
        if ended:
            await call.done_writing()
        while parts.inference.slow_peers.cut_off == 0:
            await asyncio.sleep(0.001)
        await until_free(parts)
        while parts.inference.streams > 1 or parts.sessions.current_epoch("edge-1"):
            await asyncio.sleep(0.001)
        run_by(parts, parts.runner)
        planned = await parts.joined(session_id="other")
        await talk.send(planned, session_id="other")
        assert (await talk.reply()).header.status is ReplyStatus.OK
        call.cancel()

    with_parts(tmp_path, use, limits=Limits(stall_s=STALL_S))


class StumblingRunner(PartRunner):
    """A codec that meets something its author did not think of."""

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> NoReturn:
        del cut, codec, encoded
        raise ValueError("not a colour space")


def test_an_error_nobody_thought_of_is_told(tmp_path: Path) -> None:
    """The request fails, and the stream goes on: silence would cost the edge its deadline."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        run_by(parts, StumblingRunner(tiny_network(), parts.device))
        reply = await talk.ask(assignment)
        assert (reply.header.status, reply.header.message) == (
            ReplyStatus.FAILED,
            "the server's log has the details",
        )
        run_by(parts, parts.runner)
        assert (await talk.ask(assignment)).header.status is ReplyStatus.OK

    with_parts(tmp_path, use)


class LosingRunner(PartRunner):
    """A device that is lost."""

    def tail(self, cut: int, codec: Codec, encoded: Sequence[TensorFrame]) -> NoReturn:
        del cut, codec, encoded
        raise DeviceError("GPU 0 is lost: it has fallen off the bus")


def test_a_lost_device_fails_requests_until_it_is_back(tmp_path: Path) -> None:
    """Not overload: the same request may be tried elsewhere. While the device counts as lost nothing is taken in."""

    async def use(parts: Parts, talk: Talk) -> None:
        assignment = await parts.joined()
        run_by(parts, LosingRunner(tiny_network(), parts.device))
        for number in range(3):
            await talk.send(assignment, str(number))
            failed = (await talk.reply()).header
            assert (failed.status, failed.message) == (ReplyStatus.FAILED, "the server's log has the details")
        await parts.watch.look()
        await talk.send(assignment, "3")
        refused: ReplyHeader = (await talk.reply()).header
        assert refused.status is ReplyStatus.FAILED
        assert "this server's device is lost" in refused.message
        run_by(parts, parts.runner)
        await parts.watch.look()
        await talk.send(assignment, "3", attempt=1)
        assert (await talk.reply()).header.origin is Origin.COMPUTED

    with_parts(tmp_path, use)
