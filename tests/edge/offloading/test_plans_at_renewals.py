"""A plan that is under way while the edge renews its connection goes on over the fresh one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from joulecut_edge.config import EdgeConfig
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.plans.wishes import Wishes
from tests.edge.offloading.test_edge_planning import PLAN, FakeServer
from tests.edge.session_parts import LINK, Bench, tiny_identity


@dataclass(frozen=True, slots=True)
class Joined:
    """An edge with a plan of a server, over this connection."""

    bench: Bench
    planning: EdgePlanning
    server: FakeServer


def run(use: Callable[[Joined], Awaitable[None]]) -> None:
    """An edge that has joined."""

    async def body() -> None:
        with Bench() as bench:
            wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b"))
            edge = Joined(bench, EdgePlanning(tiny_identity(), bench.session, bench.clock, wishes), FakeServer())
            edge.planning.expect_link(LINK)
            await edge.planning.join(edge.server.connection)
            await use(edge)

    asyncio.run(body())


def test_a_plan_under_way_at_a_renewal_goes_on() -> None:
    """Asked for over the connection before, it is told and put in force over the one that took its place."""

    async def use(edge: Joined) -> None:
        fresh = FakeServer()
        planned = edge.server.planned = replace(PLAN.assignment, epoch=PLAN.assignment.epoch + 1)

        def renew() -> None:
            edge.server.successor = fresh
            edge.server.leaving.set()

        edge.server.meanwhile = renew
        await edge.planning.plan(edge.server.connection)
        assert edge.bench.session.active.assignment == planned
        assert edge.bench.session._footing.force.remote is fresh.connection
        assert (fresh.told, fresh.newest_epoch) == ([planned.epoch], planned.epoch)
        # Whoever still knows the connection before plans over the latest.
        await edge.planning.plan(edge.server.connection)
        await edge.planning.adopt(edge.server.connection, edge.bench.session.active)
        assert len(fresh.asked) == 1
        assert edge.bench.session._footing.force.remote is fresh.connection

    run(use)


def test_what_is_planned_is_waited_for() -> None:
    """A plan on its way is, and where none is, nothing."""

    async def use(edge: Joined) -> None:
        await edge.planning.settled()
        planning = asyncio.create_task(edge.planning.plan(edge.server.connection))
        await asyncio.sleep(0)
        await edge.planning.settled()
        assert planning.done()

    run(use)
