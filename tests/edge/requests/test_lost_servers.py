"""A request that lost its server: it goes on with the next one where there is time, and is finished here where not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import torch

from joulecut_core.errors import LinkError
from joulecut_core.ledgers import FallbackReason
from joulecut_core.timing import ManualClock
from joulecut_edge.peers.remote import UnsentError
from joulecut_edge.requests.session import Answer
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from tests.edge.requests.test_deadlines import EXPECTED, HEAD_S, PICTURE, TAIL, WAIT_S, Transfers
from tests.edge.session_parts import Bench, FakeRemote, active_plan, planned


class WaitingClock(ManualClock):
    """Moves only when told to, but waits on the wall as long as any: for what another task does meanwhile."""

    def wall_s(self, duration_s: float) -> float:
        return duration_s


def in_waiting_time(use: Callable[[Bench], Awaitable[None]]) -> None:
    """A bench whose requests can wait for another server."""

    async def run() -> None:
        with Bench(clock=WaitingClock()) as bench:
            plan = planned(head_s=HEAD_S, remote_s=0.1)
            active = active_plan(2, deadline_s=30.0, tail=TAIL, plan=plan)
            await bench.session.switch(active, bench.remote)
            bench.remote.failure = LinkError("connection reset")
            await asyncio.wait_for(use(bench), WAIT_S)

    asyncio.run(run())


async def waiting_for_another(bench: Bench) -> asyncio.Task[Answer]:
    """A request whose server was lost, and the edge local since."""
    asking: asyncio.Task[Answer] = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
    while not bench.remote.sent:
        await asyncio.sleep(0)
    await bench.session.go_local()
    return asking


@pytest.mark.parametrize(("cut", "served_by", "attempts"), [(2, "split", 2), (3, "edge", 1)])
def test_a_request_that_lost_its_server_goes_on_with_the_next(cut: int, served_by: str, attempts: int) -> None:
    """As long as there is time it waits for another one; under another cut what it has encoded is of no use."""

    async def use(bench: Bench) -> None:
        asking = await waiting_for_another(bench)
        assert not asking.done()
        second = FakeRemote(clock=bench.clock)
        await bench.session.switch(active_plan(cut, epoch=9, deadline_s=30.0), second)
        answer = await asking
        ledger = answer.ledger
        assert (ledger.served_by, ledger.attempts) == (served_by, attempts)
        assert ledger.epoch == (9 if attempts == 2 else 1)
        assert torch.equal(answer.outputs[0], EXPECTED)

    in_waiting_time(use)


def test_a_request_that_hears_of_its_loss_later_than_the_edge_waits_all_the_same() -> None:
    """The edge is local by then, which is no server to go on with and no reason to give up."""

    async def use(bench: Bench) -> None:
        bench.remote.may_answer = asyncio.Event()
        asking = await waiting_for_another(bench)
        bench.remote.may_answer.set()
        while bench.session.turns.waiting or not bench.session._successors._waiting:
            await asyncio.sleep(0)
        await bench.session.switch(active_plan(2, epoch=9, deadline_s=30.0), FakeRemote(clock=bench.clock))
        ledger = (await asking).ledger
        assert (ledger.served_by, ledger.attempts, ledger.epoch) == ("split", 2, 9)

    in_waiting_time(use)


def test_a_request_that_lost_its_server_goes_on_where_the_edge_is_by_then() -> None:
    """With another server in force already there is nothing to wait for."""

    async def use(bench: Bench) -> None:
        bench.remote.may_answer = asyncio.Event()
        asking = asyncio.create_task(bench.session.infer("r", (PICTURE,)))
        while not bench.remote.sent:
            await asyncio.sleep(0)
        await bench.session.switch(active_plan(2, epoch=9, deadline_s=30.0), FakeRemote(clock=bench.clock))
        bench.remote.may_answer.set()
        ledger = (await asking).ledger
        assert (ledger.served_by, ledger.attempts, ledger.epoch) == ("split", 2, 9)

    in_waiting_time(use)


@pytest.mark.parametrize("is_silent", [False, True])
def test_what_the_server_before_does_is_not_held_against_the_next(*, is_silent: bool) -> None:
    """Requests that it turned away for a while, or never answered, keep nobody from another server."""

    async def use(bench: Bench) -> None:
        bench.remote.may_answer = asyncio.Event()
        bench.remote.failure = TurnedAwayError("full", ReplyStatus.OVERLOADED, 5.0)
        bench.remote.is_silent = is_silent
        asking = [asyncio.create_task(bench.session.infer(name, (PICTURE,))) for name in "abc"]
        while len(bench.remote.sent) < len(asking):
            await asyncio.sleep(0)
        await bench.session.switch(active_plan(2, epoch=9, deadline_s=30.0), FakeRemote(clock=bench.clock))
        bench.remote.may_answer.set()
        await asyncio.gather(*asking)
        assert (await bench.session.infer("d", (PICTURE,))).ledger.served_by == "split"

    in_waiting_time(use)


def test_nothing_is_waited_for_after_a_refusal_or_a_second_loss() -> None:
    """Neither is sent a further time: the edge finishes at once, however much time there is."""

    async def use(bench: Bench) -> None:
        asking = await waiting_for_another(bench)
        second = FakeRemote(clock=bench.clock, failure=LinkError("reset too"))
        plan = planned(head_s=HEAD_S, remote_s=0.1)
        await bench.session.switch(active_plan(2, epoch=9, deadline_s=30.0, tail=TAIL, plan=plan), second)
        ledger = (await asking).ledger
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.LOST, 2)
        second.failure = TurnedAwayError("bye", ReplyStatus.DRAINING)
        ledger = (await bench.session.infer("r", (PICTURE,))).ledger
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.REFUSED, 1)

    in_waiting_time(use)


def test_where_no_other_server_is_found_the_edge_finishes_at_once() -> None:
    """Nobody waits for what will not come."""

    async def use(bench: Bench) -> None:
        asking = await waiting_for_another(bench)
        bench.session.expect_nobody()
        ledger = (await asking).ledger
        assert (ledger.fallback_reason, ledger.attempts) == (FallbackReason.LOST, 1)

    in_waiting_time(use)


@pytest.mark.parametrize("is_found", [False, True])
def test_what_was_never_sent_is_no_attempt(*, is_found: bool) -> None:
    """A request that met a lost connection goes to the next server as a first one; its wait is none of the link's."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = UnsentError("lost before")
        transfers = bench.session.transfers = Transfers()
        asking = await waiting_for_another(bench)
        second = FakeRemote(clock=bench.clock)
        if is_found:
            bench.clock.advance_s(1.0)
            await bench.session.switch(active_plan(2, epoch=9, deadline_s=30.0), second)
        else:
            bench.session.expect_nobody()
        ledger = (await asking).ledger
        assert ledger.attempts == is_found
        assert [attempt for _, attempt in second.sent] == [0] * is_found
        assert ledger.seconds.up + ledger.seconds.down == pytest.approx(second.link_s if is_found else 0.0)
        assert len(transfers.seen) == is_found
        assert bench.session.counters.retries == 0

    in_waiting_time(use)
