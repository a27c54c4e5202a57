"""A computation on its way to the device: what it comes to, and what is said to whom there is no turn for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_proto.inference_messages import ReplyStatus, Request, RequestHeader
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.fair_turns import FairTurns
from joulecut_runtime.execution.part_runner import PartRunner, Stage, TailRun
from joulecut_server.limits import Limits
from joulecut_server.requests.stream_room import Room
from joulecut_server.requests.works import WorkInTurn
from tests.integration.tiny_network import tiny_network
from tests.integration.tiny_profiles import SERVER_DEVICE
from tests.proto.serving import TIMEOUT_S

REQUEST = Request(
    header=RequestHeader(
        session_id="s", request_id="r", epoch=1, network_digest="sha256:aa", cut=2, codec="raw", variant="fp32"
    ),
    frames=(),
    checksum=0,
)


class TimedRunner(PartRunner):
    """Computes nothing, and says what it would have taken."""

    run = TailRun(outputs=(), decode=Stage(time_s=0.5, energy_j=2.0), tail=Stage(time_s=4.0, energy_j=8.0))

    def tail(self, cut: int, codec: object, encoded: object) -> TailRun:
        del cut, codec, encoded
        return self.run


class Site:
    """A device for which `waiting` may wait, and that is busy until it is `let_go`."""

    def __init__(self, *, waiting: int) -> None:
        self.clock = ManualClock()
        self.room = Room(Limits())
        self.runner = TimedRunner(tiny_network(), open_device(SERVER_DEVICE, clock=self.clock))
        self.worker = DeviceWorker(self.clock)
        self.turns = FairTurns(self.worker, waiting=waiting)
        self._is_free = threading.Event()
        self.worker.run(lambda: self._is_free.wait(TIMEOUT_S))

    def let_go(self) -> None:
        self._is_free.set()

    async def enter(self, share: str, *, budget_s: float | None = None) -> WorkInTurn:
        place = await self.room.for_stream().place(1, share)
        try:
            request = replace(REQUEST, header=replace(REQUEST.header, budget_s=budget_s))
            return WorkInTurn(self.turns, self.runner, request, place)
        finally:
            place.let_go()


def with_site(waiting: int, use: Callable[[Site], Awaitable[None]]) -> None:
    """Whatever becomes of the works, their room is free again in the end."""

    async def run() -> None:
        site = Site(waiting=waiting)
        try:
            await asyncio.wait_for(use(site), TIMEOUT_S)
        finally:
            site.let_go()
            site.worker.close()
        assert site.room.requests == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("decode_j", "tail_j", "sum_j"), [(2.0, 8.0, 10.0), (None, 8.0, None), (2.0, None, None), (None, None, None)]
)
def test_a_reply_has_what_its_computation_took(
    decode_j: float | None, tail_j: float | None, sum_j: float | None
) -> None:
    """All of its seconds; its joules where all are known, since a part of them would be taken for the whole."""

    async def use(site: Site) -> None:
        run = site.runner.run
        site.runner.run = replace(
            run, decode=replace(run.decode, energy_j=decode_j), tail=replace(run.tail, energy_j=tail_j)
        )
        work = await site.enter("edge")
        site.clock.advance_s(3.0)
        site.let_go()
        reply, frames = await work.answer()
        assert (reply.request_id, reply.status, frames) == ("r", ReplyStatus.OK, ())
        assert (reply.current_epoch, reply.figures) == (0, FigureKind.EMULATED)
        assert (reply.queue_s, reply.decode_s, reply.tail_s, reply.server_energy_j) == (3.0, 0.5, 4.0, sum_j)

    with_site(1, use)


def test_who_finds_no_turn_is_told_that_others_wait() -> None:
    """At the door, and in the line where another's has the better right: an edge then waits, or answers by itself."""

    async def use(site: Site) -> None:
        first, second = await site.enter("greedy"), await site.enter("greedy")
        with pytest.raises(TurnedAwayError, match="2 requests wait for the device; at most 2 may") as at_the_door:
            await site.enter("greedy")
        other = await site.enter("modest")
        with pytest.raises(TurnedAwayError, match="wait for the device; at most 2 may") as in_the_line:
            await second.answer()
        assert [each.value.status for each in (at_the_door, in_the_line)] == [ReplyStatus.OVERLOADED] * 2
        site.let_go()
        for work in (first, other):
            assert (await work.answer())[0].status is ReplyStatus.OK

    with_site(2, use)


def test_whose_turn_comes_too_late_is_told_so() -> None:
    """Not that the server failed: the edge has spent its time, and should not count it against the device."""

    async def use(site: Site) -> None:
        work = await site.enter("edge", budget_s=1.0)
        site.clock.advance_s(2.0)
        site.let_go()
        with pytest.raises(TurnedAwayError, match="longer than its budget of 1 s") as refused:
            await work.answer()
        assert refused.value.status is ReplyStatus.LATE

    with_site(1, use)
