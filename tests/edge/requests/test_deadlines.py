"""Answers in time: the edge begins its own rest while there is time for it, whatever the server does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import torch

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError, JoulecutError
from joulecut_core.ledgers import FallbackReason
from joulecut_edge.peers.remote import RemoteFailedError
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_planner.links import Transfer
from joulecut_proto.inference_messages import Origin, ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from tests.edge.session_parts import HIGH, LOW, Bench, FakeRemote, active_plan, planned
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
TAIL = LocalTail(time_s=0.2, fastest_s=0.2)
DEADLINE_S = 1.0
HEAD_S = 0.01
WAIT_S = 20.0
"""How long a test waits for what must happen at once; only a defect ever takes it."""


@dataclass(slots=True)
class Transfers:
    """Remembers what it is told."""

    seen: list[Transfer] = field(default_factory=list)
    deadlines_s: list[float | None] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)

    def began(self, request_id: str, *, time_s: float, up_bytes: int) -> None:
        del time_s, up_bytes
        self.under_way.append(request_id)

    def ended(self, request_id: str) -> None:
        self.under_way.remove(request_id)

    def transferred(self, transfer: Transfer, *, deadline_s: float | None = None) -> None:
        self.seen.append(transfer)
        self.deadlines_s.append(deadline_s)


def with_deadline(
    use: Callable[[Bench], Awaitable[None]], *, tail: LocalTail = TAIL, clock: OperatingPoint = HIGH
) -> None:
    """A bench under a plan with a deadline of a second: 10 ms here, 100 ms away."""

    async def run() -> None:
        with Bench() as bench:
            plan = planned(head_s=HEAD_S, remote_s=0.1)
            active = active_plan(2, deadline_s=DEADLINE_S, tail=tail, plan=plan, edge_clock=clock)
            await bench.session.switch(active, bench.remote)
            await asyncio.wait_for(use(bench), WAIT_S)

    asyncio.run(run())


def test_a_silent_server_costs_no_deadline() -> None:
    """The edge begins when its rest just fits, and answers before the deadline; the ledger says why."""

    async def use(bench: Bench) -> None:
        transfers = bench.session.transfers = Transfers()
        bench.remote.is_silent = True
        answer = await bench.session.infer("r", (PICTURE,))
        assert torch.equal(answer.outputs[0], EXPECTED)
        ledger = answer.ledger
        assert (ledger.fallback_reason, ledger.attempts, ledger.served_by) == (FallbackReason.LATE, 1, "edge")
        assert DEADLINE_S - TAIL.time_s - 0.011 < ledger.seconds.total < DEADLINE_S
        (timeout_s,) = bench.remote.timeouts_s
        assert timeout_s == pytest.approx(DEADLINE_S - TAIL.time_s, abs=0.05)
        assert bench.session.counters.reasons == {FallbackReason.LATE: 1}
        assert (bench.session.counters.missed, bench.session.counters.in_time) == (0, 0)
        (seen,) = transfers.seen
        assert (seen.is_over, seen.down_bytes) == (False, 0)
        assert seen.link_s == pytest.approx(timeout_s)

    with_deadline(use)


def test_requests_that_come_fast_leave_room_for_another() -> None:
    """It may be computing when the rest must begin; who comes a deadline after the last one has the device."""

    async def use(bench: Bench) -> None:
        bench.remote.is_silent = True
        for pause_s in (0.0, 0.0, 2 * DEADLINE_S):
            bench.clock.advance_s(pause_s)
            await bench.session.infer("r", (PICTURE,))
        alone_s, followed_s, after_a_pause_s = bench.remote.timeouts_s
        assert followed_s == pytest.approx(alone_s - HEAD_S - TAIL.time_s, abs=1e-3)
        assert after_a_pause_s == pytest.approx(alone_s, abs=1e-3)

    with_deadline(use)


def test_a_request_that_waited_too_long_is_not_sent() -> None:
    """Behind a long queue only the edge can still be in time: the server is not asked for what nobody can wait for."""

    async def use(bench: Bench) -> None:
        is_queued = threading.Event()

        def long() -> None:
            is_queued.wait(10.0)
            bench.clock.advance_s(0.92)

        before = bench.worker.run(long)
        await asyncio.sleep(0)
        asking = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
        await asyncio.sleep(0)
        is_queued.set()
        await before
        ledger = (await asking).ledger
        assert bench.remote.seen == []
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.LATE, 0)
        assert ledger.seconds.total < DEADLINE_S

    with_deadline(use, tail=LocalTail(time_s=0.05, fastest_s=0.05))


def test_an_answer_past_its_deadline_is_counted() -> None:
    """Where nothing could keep it, the answer still comes, and is a violation."""

    async def use(bench: Bench) -> None:
        bench.remote.link_s = 1.2
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (ledger.served_by, ledger.fallback_reason) == ("split", None)
        assert (bench.session.counters.missed, bench.session.counters.in_time) == (1, 0)
        bench.remote.link_s = 0.1
        await bench.session.infer("r", (PICTURE,))
        assert (bench.session.counters.missed, bench.session.counters.in_time) == (1, 1)

    with_deadline(use, tail=LocalTail(time_s=0.95, fastest_s=0.95))


def test_the_rest_is_hurried_where_only_that_is_in_time() -> None:
    """The fastest clock for this rest alone, and the plan's again after it."""
    seen: list[OperatingPoint] = []

    async def use(bench: Bench) -> None:
        bench.remote.is_silent = True
        rest = bench.runner.rest

        def watched(*arguments: object) -> object:
            seen.append(bench.device.state().point)
            return rest(*arguments)  # type: ignore[arg-type]

        bench.runner.rest = watched  # type: ignore[assignment,method-assign]
        await bench.session.infer("r", (PICTURE,))
        assert bench.session.held == LOW

    with_deadline(use, tail=LocalTail(time_s=0.95, fastest_s=0.3, fastest=HIGH, clocks=((LOW, 0.95),)), clock=LOW)
    assert seen == [HIGH]


def test_late_answers_in_a_row_are_waited_for_no_longer() -> None:
    """After three the server is left alone, longer each time one try fails, and used again after one that does not."""

    async def use(bench: Bench) -> None:
        bench.remote.is_silent = True
        for _ in range(3):
            await bench.session.infer("r", (PICTURE,))
        alone = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (alone.fallback_reason, alone.attempts, len(bench.remote.seen)) == (FallbackReason.LATE, 0, 3)
        bench.clock.advance_s(0.5)
        await bench.session.infer("r", (PICTURE,))
        bench.clock.advance_s(0.5)
        await bench.session.infer("r", (PICTURE,))
        assert len(bench.remote.seen) == 4
        bench.remote.is_silent = False
        bench.clock.advance_s(0.5)
        assert (await bench.session.infer("r", (PICTURE,))).ledger.served_by == "split"

    with_deadline(use)


@pytest.mark.parametrize("origin", list(Origin))
def test_a_failed_request_is_sent_once_more(origin: Origin) -> None:
    """Under the same id and the next attempt; an answer that was computed twice is counted, and teaches nothing."""

    async def use(bench: Bench) -> None:
        transfers = bench.session.transfers = Transfers()
        second = FakeRemote(clock=bench.clock, origin=origin)
        bench.remote.failure = RemoteFailedError("out of memory")
        bench.remote.reached, bench.remote.may_answer = asyncio.Event(), asyncio.Event()
        asking = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
        await bench.remote.reached.wait()
        active = bench.session.active
        await bench.session.switch(active, second)
        bench.remote.may_answer.set()
        answer = await asking
        assert torch.equal(answer.outputs[0], EXPECTED)
        assert (answer.ledger.attempts, answer.ledger.fallback, answer.ledger.served_by) == (2, False, "split")
        assert (bench.remote.sent, second.sent) == ([("r/0", 0)], [("r/0", 1)])
        counters = bench.session.counters
        assert (counters.retries, counters.recomputed) == (1, int(origin is Origin.RECOMPUTED))
        assert (transfers.seen, transfers.under_way) == ([], [])

    with_deadline(use)


def test_a_second_failure_ends_at_home() -> None:
    """Two attempts are the most; the answer is the edge's own, and says that the server failed."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = RemoteFailedError("out of memory")
        answer = await bench.session.infer("r", (PICTURE,))
        assert torch.equal(answer.outputs[0], EXPECTED)
        assert (answer.ledger.fallback_reason, answer.ledger.attempts) == (FallbackReason.FAILED, 2)
        assert bench.remote.sent == [("r/0", 0), ("r/0", 1)]

    with_deadline(use)


def test_what_should_never_happen_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A defect on the way to the server and back is logged with its traceback; the edge answers."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = AttributeError("'NoneType' object has no attribute 'status'")
        answer = await bench.session.infer("r", (PICTURE,))
        assert torch.equal(answer.outputs[0], EXPECTED)
        assert answer.ledger.fallback_reason is FallbackReason.FAILED

    with_deadline(use)
    assert "Traceback" in caplog.text


def test_a_link_that_never_suffices_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """At thirty requests a second a line for each would be gigabytes in a month; the ledger has the reason of each."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = ContractError("not this epoch")
        ledgers = [(await bench.session.infer(f"r{number}", (PICTURE,))).ledger for number in range(70)]
        assert all(ledger.fallback for ledger in ledgers)

    with caplog.at_level(logging.INFO):
        with_deadline(use)
    assert 1 <= sum("finished locally" in line for line in caplog.messages) <= 60


def test_what_the_rest_waits_for_the_device_is_in_the_ledger() -> None:
    """Behind work that runs by then: seconds of its queue, as those before its first part are."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = TurnedAwayError("bye", ReplyStatus.DRAINING)
        bench.remote.may_answer = asyncio.Event()
        has_begun, may_end = threading.Event(), threading.Event()

        def long() -> None:
            has_begun.set()
            may_end.wait(10.0)
            bench.clock.advance_s(0.3)

        asking = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
        while not bench.remote.sent:
            await asyncio.sleep(0)
        running = bench.worker.run(long)
        await asyncio.to_thread(has_begun.wait, 10.0)
        bench.remote.may_answer.set()
        while not bench.session.turns.waiting:
            await asyncio.sleep(0)
        may_end.set()
        await running
        ledger = (await asking).ledger
        assert ledger.served_by == "edge"
        assert ledger.seconds.edge_queue == pytest.approx(0.3, abs=1e-6)

    with_deadline(use)


@pytest.mark.parametrize(
    "failure",
    [TurnedAwayError("full", ReplyStatus.OVERLOADED, 0.0), TurnedAwayError("bye", ReplyStatus.DRAINING)],
)
def test_a_refusal_is_final(failure: JoulecutError) -> None:
    """A server that has no room is not asked again for the same request."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = failure
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.REFUSED, 1)
        assert len(bench.remote.sent) == 1

    with_deadline(use)


def test_a_request_sticks_to_the_server_it_began_with() -> None:
    """An epoch means something to the server that gave it: a request never takes one server's plan to another."""

    async def use(bench: Bench) -> None:
        second = FakeRemote(clock=bench.clock)
        began, may_go = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        head = bench.runner.head

        def slow_head(*arguments: object) -> object:
            loop.call_soon_threadsafe(began.set)
            asyncio.run_coroutine_threadsafe(may_go.wait(), loop).result(10.0)
            return head(*arguments)  # type: ignore[arg-type]

        bench.runner.head = slow_head  # type: ignore[assignment,method-assign]
        asking = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
        await began.wait()
        switching = asyncio.create_task(bench.session.switch(active_plan(1, epoch=2), second))
        may_go.set()
        await switching
        assert (await asking).ledger.epoch == 1
        assert (len(bench.remote.sent), second.sent) == (1, [])

    with_deadline(use)
