"""An edge whose server turns requests away: it answers by itself, and asks for nothing until it may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import torch

from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from tests.edge.session_parts import HIGH, LOW, Bench, active_plan
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]


def with_bench(use: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        with Bench() as bench:
            await bench.session.switch(active_plan(2), bench.remote)
            await use(bench)

    asyncio.run(run())


def refused(retry_after_s: float) -> TurnedAwayError:
    return TurnedAwayError("late: busy", ReplyStatus.LATE, retry_after_s)


@pytest.mark.parametrize(("retry_after_s", "clock"), [(2.0, LOW), (0.05, HIGH)])
def test_the_server_is_left_alone_for_as_long_as_it_asked(retry_after_s: float, clock: object) -> None:
    """Requests meanwhile are the edge's own, marked as against the plan; a long while is worth the local clock."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = refused(retry_after_s)
        turned_away = await bench.session.infer("first", (PICTURE,))
        assert (turned_away.ledger.served_by, turned_away.ledger.fallback) == ("edge", True)
        bench.remote.failure = None
        meanwhile = await bench.session.infer("second", (PICTURE,))
        assert torch.equal(meanwhile.outputs[0], EXPECTED)
        assert (meanwhile.ledger.served_by, meanwhile.ledger.fallback) == ("edge", True)
        assert meanwhile.ledger.seconds.encode == 0.0
        assert bench.session.held == clock
        assert len(bench.remote.seen) == 1
        bench.clock.advance_s(retry_after_s)
        again = await bench.session.infer("third", (PICTURE,))
        assert (again.ledger.served_by, again.ledger.fallback) == ("split", False)
        assert bench.session.held == HIGH
        assert (bench.session.counters.fallbacks, bench.session.counters.requests) == (2, 3)

    with_bench(use)


def test_a_refusal_without_a_time_is_for_one_request() -> None:
    """The next request goes to the server as planned."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = refused(0.0)
        await bench.session.infer("first", (PICTURE,))
        bench.remote.failure = None
        assert (await bench.session.infer("second", (PICTURE,))).ledger.served_by == "split"

    with_bench(use)


def test_another_plan_ends_the_local_clock() -> None:
    """A plan put in force meanwhile holds its own clock, and keeps it when the time is over."""

    async def use(bench: Bench) -> None:
        bench.remote.failure = refused(5.0)
        await bench.session.infer("first", (PICTURE,))
        bench.remote.failure = None
        await bench.session.infer("second", (PICTURE,))
        await bench.session.switch(active_plan(1, epoch=2), bench.remote)
        assert bench.session.held == HIGH
        bench.clock.advance_s(5.0)
        assert (await bench.session.infer("third", (PICTURE,))).ledger.epoch == 2
        assert bench.session.held == HIGH

    with_bench(use)
