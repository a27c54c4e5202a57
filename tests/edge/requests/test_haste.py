"""A line that makes requests late is worked off at the fastest clock, and only for as long as that helps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_edge.requests.haste import Haste
from tests.edge.session_parts import HIGH, LOW, Bench, active_plan, planned
from tests.integration.tiny_network import pictures

PICTURE = pictures(1)[0]
DEADLINE_S = 1.0
TAIL = LocalTail(time_s=0.4, fastest_s=0.4, clocks=((LOW, 0.4), (HIGH, 0.1)))
LOCAL = active_plan(None, edge_clock=LOW, tail=TAIL, deadline_s=DEADLINE_S, plan=planned(head_s=0.2, remote_s=0.0))
SPLIT = active_plan(2, edge_clock=LOW, deadline_s=DEADLINE_S, plan=planned(head_s=0.1, remote_s=0.1))
LATE_S, SOON_S = 0.9, 0.5
WAIT_S = 20.0


def with_plan(use: Callable[[Bench], Awaitable[None]], plan: ActivePlan, *, local: ActivePlan = LOCAL) -> None:
    """A bench with this plan in force."""

    async def run() -> None:
        with Bench(local=local) as bench:
            await bench.session.switch(plan, bench.remote if plan.offloads else None)
            await asyncio.wait_for(use(bench), WAIT_S)

    asyncio.run(run())


async def asked_behind(bench: Bench, line_s: float) -> OperatingPoint | None:
    """The clock after a request that waited so long for the device."""
    before = bench.worker.run(lambda: bench.clock.advance_s(line_s))
    await bench.session.infer("r", (PICTURE,))
    await before
    return bench.session.held


@pytest.mark.parametrize("plan", [LOCAL, SPLIT], ids=["alone", "split"])
def test_a_line_that_makes_requests_late(plan: ActivePlan, caplog: pytest.LogCaptureFixture) -> None:
    """The fastest clock at once, for ten seconds at least; then the plan's with the first that is in good time."""

    async def use(bench: Bench) -> None:
        assert await asked_behind(bench, SOON_S) == LOW
        assert await asked_behind(bench, LATE_S) == HIGH
        assert await asked_behind(bench, 0.0) == HIGH
        bench.clock.advance_s(10.0)
        assert await asked_behind(bench, 0.0) == LOW

    with caplog.at_level(logging.INFO):
        with_plan(use, plan)
    told = [message for message in caplog.messages if message.startswith("requests ")]
    assert [message.partition(":")[0] for message in told] == [
        "requests wait so long for each other that they are late",
        "requests no longer wait so long",
    ]


def test_nothing_is_learnt_at_another_clock() -> None:
    """Seconds at the fastest clock are no drift of the plan's."""

    async def use(bench: Bench) -> None:
        await asked_behind(bench, LATE_S)
        assert not bench.session.drift.levels

    with_plan(use, replace(SPLIT, plan=planned(head_s=0.3, remote_s=0.1)))


def test_an_edge_without_requests_keeps_no_fast_clock() -> None:
    """Where nobody asks any more, the look at the clocks ends it."""

    async def use(bench: Bench) -> None:
        assert await asked_behind(bench, LATE_S) == HIGH
        for pause_s, held in ((9.0, HIGH), (2.0, LOW)):
            bench.clock.advance_s(pause_s)
            await bench.worker.run(bench.session.verify_clocks)
            assert bench.session.held == held

    with_plan(use, SPLIT)


@pytest.mark.parametrize(
    ("plan", "local"),
    [
        (replace(SPLIT, assignment=replace(SPLIT.assignment, edge_clock=None)), LOCAL),
        (replace(SPLIT, assignment=replace(SPLIT.assignment, edge_clock=HIGH)), LOCAL),
        (SPLIT, replace(LOCAL, local_tail=None)),
    ],
    ids=["the board's governor", "the fastest already", "no profile to choose from"],
)
def test_where_no_clock_is_faster(plan: ActivePlan, local: ActivePlan) -> None:
    """Clocks stay as they are."""

    async def use(bench: Bench) -> None:
        held = bench.session.held
        assert await asked_behind(bench, LATE_S) == held

    with_plan(use, plan, local=local)


def test_a_plan_that_comes_in_between() -> None:
    """Its clock is held when it comes; requests that are still late have the fastest again."""

    async def use(bench: Bench) -> None:
        assert await asked_behind(bench, LATE_S) == HIGH
        await bench.session.switch(replace(SPLIT, assignment=replace(SPLIT.assignment, epoch=2)), bench.remote)
        assert bench.session.held == LOW
        assert await asked_behind(bench, LATE_S) == HIGH

    with_plan(use, SPLIT)


def test_changing_to_and_fro_becomes_rare() -> None:
    """Where the plan's clock is too slow for all that comes, each way back to it comes later, to ten minutes."""
    haste, now_s, began_s = Haste(), 0.0, []
    while now_s < 10_000.0:
        # At the fastest clock nobody waits, at the plan's the line is too long within a second.
        if haste.turn(now_s, waited_s=0.0 if haste.is_on else 2.0, spare_s=1.0) and haste.is_on:
            began_s.append(now_s)
        now_s += 1.0
    lasted_s = [after - before for before, after in pairwise(began_s)]
    assert lasted_s[:3] == [11.0, 21.0, 41.0]
    assert lasted_s[-1] == 601.0
    assert len(began_s) < 25
