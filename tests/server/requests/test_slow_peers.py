"""Peers that are slow: which transfers are cut off, and which are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.requests.slow_peers import SlowPeers

STALL_S, TRANSFER_S = 8.0, 80.0
LOOK_S = 2.0
"""Four looks in the time that a transfer may stand still."""
REQUEST = RequestHeader(
    session_id="s", request_id="r", epoch=1, network_digest="d", cut=0, codec="raw", variant="", total_bytes=8000
)
REPLY = ReplyHeader(request_id="r", current_epoch=1)


class Looking:
    """A stream that is looked at as time passes."""

    def __init__(self) -> None:
        async def nothing() -> AsyncIterator[bytes]:
            return
            yield

        async def write(_: bytes) -> None:
            raise AssertionError

        self.stream = InferenceServerStream(nothing(), write)
        self.peers = SlowPeers(STALL_S, TRANSFER_S)
        self.reasons: list[str] = []
        self.ended = asyncio.Event()

    async def watch(self) -> None:
        """Begin."""
        self.peers.watch(self.stream, self.cut_off)

    def cut_off(self, reason: StreamRefusedError) -> None:
        """End."""
        self.reasons.append(str(reason))
        self.ended.set()

    def comes(self, look_bytes: int, looks: int) -> float | None:
        """Seconds after which a request that comes so slowly is cut off; None where it is not within these looks."""
        for number in range(looks):
            if look_bytes:
                self.stream.taken_parts += 1
                self.stream.taken_bytes += look_bytes
            self.peers.look()
            if self.reasons:
                return number * LOOK_S
        return None

    def goes(self, look_bytes: int, looks: int) -> float | None:
        """The same of a reply."""
        for number in range(looks):
            if look_bytes:
                self.stream.written_parts += 1
                self.stream.written_bytes += look_bytes
            self.peers.look()
            if self.reasons:
                return number * LOOK_S
        return None


async def begun(*, incoming: bool = False, outgoing: bool = False) -> Looking:
    """A stream on which something has begun."""
    each = Looking()
    await each.watch()
    each.stream.incoming = REQUEST if incoming else None
    each.stream.outgoing, each.stream.outgoing_bytes = REPLY if outgoing else None, 8000
    return each


def test_a_byte_now_and_then_is_not_enough() -> None:
    """A client that trickles would hold its tensor's memory for as long as it likes."""

    async def run() -> None:
        each = await begun(incoming=True)
        assert each.comes(1, 100) == STALL_S + LOOK_S
        assert each.reasons == [
            "cut off: a request came at a rate at which it would take longer than 80 s; open another stream"
        ]
        each = await begun(outgoing=True)
        assert each.goes(1, 100) == STALL_S + LOOK_S
        assert "a reply was read at a rate" in each.reasons[0]

    asyncio.run(run())


def test_the_pace_is_that_of_the_whole_transfer() -> None:
    """8000 bytes in 80 s are 200 a look: who sends so many is never cut off, who sends half of it is, in time."""

    async def run() -> None:
        assert (await begun(incoming=True)).comes(200, 40) is None
        assert (await begun(outgoing=True)).goes(200, 40) is None
        assert (await begun(incoming=True)).comes(100, 40) == 2 * STALL_S + 2 * LOOK_S

    asyncio.run(run())


def test_each_transfer_has_its_own_time() -> None:
    """A stream that is busy for hours is no slow one, and what came before does not count for what comes."""

    async def run() -> None:
        each = await begun(incoming=True)
        for _ in range(100):
            each.stream.incoming = RequestHeader(
                session_id="s", request_id="r", epoch=1, network_digest="d", cut=0, codec="raw", variant="",
                total_bytes=8000,
            )  # fmt: skip
            each.stream.taken_bytes = 0
            assert each.comes(1, 3) is None
        each.stream.taken_bytes = 0
        assert each.comes(1, 20) is not None

    asyncio.run(run())


def test_what_stands_still_is_cut_off_at_once_after_its_time() -> None:
    """However much had come of it before."""

    async def run() -> None:
        each = await begun(incoming=True)
        each.stream.taken_parts, each.stream.taken_bytes = 7, 7999
        assert each.comes(0, 10) == STALL_S
        assert "nothing more came of a request that had begun for 8 s" in each.reasons[0]
        each = await begun(outgoing=True)
        each.stream.written_parts, each.stream.written_bytes = 7, 7999
        assert each.goes(0, 10) == STALL_S
        assert "nothing was read of a reply that had begun for 8 s" in each.reasons[0]

    asyncio.run(run())


def test_a_silent_stream_stays() -> None:
    """Between requests an edge owes nothing."""

    async def run() -> None:
        each = await begun()
        assert each.comes(0, 1000) is None

    asyncio.run(run())


def test_more_patience_makes_nobody_late() -> None:
    """Whoever keeps the pace goes on under a higher `stall_s`: its time so far has not grown by that."""

    async def run() -> None:
        each = await begun(incoming=True)
        each.peers.change(STALL_S / 10, TRANSFER_S)
        each.peers._look_and_go_on()
        assert each.comes(30, 100) is None, "20 bytes in each of these looks are enough"
        each.peers.change(STALL_S, TRANSFER_S)
        assert each.comes(30, 1) is None
        each.peers._look_and_go_on()
        assert each.comes(300, 10) is None
        assert each.comes(1, 100) is not None

    asyncio.run(run())


def test_less_patience_counts_from_the_moment_that_it_is_put_in_force() -> None:
    """An hour until the next look would be an hour in which a stream that stands still keeps what it holds."""

    async def run() -> None:
        each = await begun(incoming=True)
        each.peers.change(3600.0, TRANSFER_S)
        each.peers._look_and_go_on()
        each.peers.change(0.01, TRANSFER_S)
        await asyncio.wait_for(each.ended.wait(), 20.0)
        assert "nothing more came of a request that had begun for 0.01 s" in each.reasons[0]

    asyncio.run(run())


def test_limits_that_change_all_the_time_neither_put_looks_off_nor_add_to_them() -> None:
    """There is one timer, whose moment only comes nearer: a second one would count each of its seconds twice."""

    async def run() -> None:
        each = await begun(incoming=True)
        await each.watch()
        before = each.peers._timer
        assert before is not None
        for stall_s in (STALL_S, 10 * STALL_S):
            each.peers.change(stall_s, 10 * TRANSFER_S)
            assert each.peers._timer is before
        each.peers.change(STALL_S / 2, TRANSFER_S)
        after = each.peers._timer
        assert after is not None
        assert (before.cancelled(), after.cancelled(), after.when() < before.when()) == (True, False, True)
        each.peers.forget(each.stream)
        assert after.cancelled()

    asyncio.run(run())


def test_streams_are_looked_at_for_as_long_as_there_are_any() -> None:
    """One timer for all: the last stream that goes takes it along, and the next that comes sets it again."""

    async def run() -> None:
        each, other = Looking(), Looking()
        peers = SlowPeers(0.01, TRANSFER_S)
        for _ in range(2):
            each.ended.clear()
            each.stream.incoming = REQUEST
            peers.watch(other.stream, other.cut_off)
            peers.watch(each.stream, each.cut_off)
            timer = peers._timer
            peers.forget(other.stream)
            assert peers._timer is timer is not None
            await asyncio.wait_for(each.ended.wait(), 20.0)
            assert peers._timer is None
            peers.watch(other.stream, other.cut_off)
            timer = peers._timer
            peers.forget(other.stream)
            assert timer is not None
            assert timer.cancelled()
            assert peers._timer is None
        assert peers.cut_off == len(each.reasons) == 2
        assert other.reasons == []

    asyncio.run(run())
