"""What an edge stands on: plan, server and clock change together, and only where they were meant to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from joulecut_core.errors import ClockError, LeaseError
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_edge.requests.footing import Footing
from tests.edge.session_parts import HIGH, LOW, Bench, FakeRemote, active_plan

ACTIVE, LOCAL = active_plan(2, edge_clock=LOW), active_plan(None, edge_clock=LOW)
WAIT_S = 20.0


def standing(use: Callable[[Footing, Bench], Awaitable[None]]) -> None:
    """An edge with a plan of a server in force."""

    async def run() -> None:
        with Bench() as bench:
            footing = Footing(bench.runner, bench.worker, bench.clock, LOCAL)
            await footing.switch(ACTIVE, bench.remote)
            await asyncio.wait_for(use(footing, bench), WAIT_S)
            await footing.give_clocks_back()

    asyncio.run(run())


def test_a_connection_takes_the_place_of_the_one_that_it_was_opened_for() -> None:
    """Its plan stays; where another server's is in force by then, nothing changes."""

    async def use(footing: Footing, bench: Bench) -> None:
        other, fresh = FakeRemote(clock=bench.clock), FakeRemote(clock=bench.clock)
        await footing.replace_remote(other, fresh)
        assert footing.force.remote is bench.remote
        await footing.replace_remote(bench.remote, fresh)
        assert footing.force.remote is fresh
        assert footing.force.active is ACTIVE

    standing(use)


def test_no_change_waits_for_the_requests_that_wait() -> None:
    """An edge with a long line would go on for a minute as its link no longer allows, or with a server that is lost."""

    async def use(footing: Footing, bench: Bench) -> None:
        other, fresh = FakeRemote(clock=bench.clock), FakeRemote(clock=bench.clock)
        changes: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: footing.switch(active_plan(2, epoch=2), other),
            lambda: footing.replace_remote(other, fresh),
            footing.go_local,
        )
        for change in changes:
            may_go = threading.Event()
            running = bench.worker.run(may_go.wait)
            waiting = bench.worker.run(lambda: footing.force)
            changing = asyncio.ensure_future(change())
            await asyncio.sleep(0)
            may_go.set()
            await asyncio.gather(running, changing)
            assert (await waiting).result is footing.force

    standing(use)


def test_the_way_home_needs_no_lease() -> None:
    """A plan that stays at home is taken though its clock is refused, which follows once it is free."""

    async def use(footing: Footing, bench: Bench) -> None:
        away, home = active_plan(2, epoch=2, edge_clock=HIGH), active_plan(None, edge_clock=HIGH)
        unknown = active_plan(None, edge_clock=replace(HIGH, core_mhz=123))
        await bench.worker.run(lambda: footing._holder.hold(None))
        with bench.device.lease(LOW):
            with pytest.raises(LeaseError):
                await footing.switch(away, bench.remote)
            with pytest.raises(ClockError, match="123/1000 MHz is not on the clock table"):
                await footing.switch(unknown, bench.remote)
            assert footing.force.active is ACTIVE
            await footing.switch(home, bench.remote)
            assert footing.force.active is home
        await bench.worker.run(footing.verify_clocks)
        assert bench.device.state().point == HIGH

    standing(use)


def test_an_edge_leaves_only_the_server_that_was_meant() -> None:
    """One that was given up in the middle of joining takes nobody away from the server that is in use."""

    async def use(footing: Footing, bench: Bench) -> None:
        assert not await footing.go_local(only_from=FakeRemote(clock=bench.clock))
        assert footing.force.active is ACTIVE
        assert await footing.go_local(only_from=bench.remote)
        assert (footing.force.active, footing.force.remote) == (LOCAL, None)
        assert await footing.go_local()

    standing(use)


def test_a_recess_is_one_servers() -> None:
    """It lasts under another plan of the same server, and is not held against the next."""

    async def use(footing: Footing, bench: Bench) -> None:
        footing.recess.begin(bench.clock.now_s(), 5.0)
        await footing.switch(active_plan(2, epoch=2), bench.remote)
        assert footing.recess.lasts(bench.clock.now_s())
        await footing.switch(active_plan(2, epoch=3), FakeRemote(clock=bench.clock))
        assert not footing.recess.lasts(bench.clock.now_s())

    standing(use)


def test_parts_are_ready_before_a_plan_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request under it does not pay for a compiler, here as alone."""
    prepared: list[tuple[int, bool]] = []

    async def use(footing: Footing, bench: Bench) -> None:
        monkeypatch.setattr(bench.runner, "prepare", lambda cut, *, head: prepared.append((cut, head)))
        await footing.switch(active_plan(1, epoch=2), bench.remote)
        await footing.go_local()

    standing(use)
    assert prepared == [(1, True), (LOCAL.assignment.cut, True)]


@pytest.mark.parametrize("is_at_home", [False, True])
def test_after_a_hurry_the_clock_is_that_of_what_goes_on(*, is_at_home: bool) -> None:
    """The plan's in force; where its server is left alone for a while, the edge's own plan's."""
    tail = LocalTail(time_s=0.2, fastest_s=0.05, fastest=HIGH)
    active = active_plan(2, epoch=2, edge_clock=None, tail=tail)

    async def use(footing: Footing, bench: Bench) -> None:
        await footing.switch(active, bench.remote)
        if is_at_home:
            footing.recess.begin(bench.clock.now_s(), 5.0)
            assert (await bench.worker.run(lambda: footing.stays_home(active))).result
        until_s = bench.clock.now_s() + 0.1
        ran_at = await bench.worker.run(lambda: footing.hurrying(active, until_s=until_s, work=lambda: footing.held))
        assert ran_at.result == HIGH
        assert footing.held == (LOW if is_at_home else None)
        calm = await bench.worker.run(lambda: footing.hurrying(active, until_s=None, work=lambda: footing.held))
        assert calm.result == footing.held

    standing(use)
