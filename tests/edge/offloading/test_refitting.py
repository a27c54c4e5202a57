"""What requests showed counts in later plans, until another server is used, or an edge was at home for it for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from joulecut_edge.config import EdgeConfig
from joulecut_edge.offloading import refitting
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.refitting import Refitting
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner import Policy
from joulecut_planner.drift import Corrections
from joulecut_proto.planning_messages import StageFactors
from tests.edge.offloading.test_edge_planning import FakeServer, Planned, run
from tests.edge.session_parts import LINK, Bench, tiny_identity

SLOW = StageFactors(head=2.0, tail=5.0)


@pytest.fixture(name="edge")
def _edge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Planned]:
    """An edge whose long times are none."""
    monkeypatch.setattr(refitting, "_HOME_S", 0.0)
    monkeypatch.setattr(refitting, "_REFIT_S", 0.0)
    with Bench() as bench:
        wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b"))
        planning = EdgePlanning(tiny_identity(), bench.session, bench.clock, wishes, refit=True)
        yield Planned(bench, planning, FakeServer())


def refitted(edge: Planned, *, until: Callable[[], bool], use: Callable[[], Awaitable[None]]) -> None:
    """Run a use, then the refitting until something has come true."""

    async def body() -> None:
        await edge.begin()
        await use()
        keeping = asyncio.create_task(
            Refitting(edge.bench.session, edge.planning, edge.bench.clock, lambda: edge.server.connection).keep()
        )
        while not until():
            await asyncio.sleep(0)
        keeping.cancel()

    asyncio.run(asyncio.wait_for(body(), 20.0))


def asked_for(edge: Planned, requests: int) -> None:
    session = edge.bench.session
    session.counters = replace(session.counters, requests=session.counters.requests + requests)


def found_of_tables(edge: Planned, factors: StageFactors) -> None:
    experience = edge.planning.experience
    assert experience.basis is not None
    experience.basis = replace(experience.basis, factors=factors)


def test_a_server_that_was_slow_is_tried_again(edge: Planned) -> None:
    """At home since its tail was slow: a plan is asked for with its tables as they are."""

    async def use() -> None:
        session, planning = edge.bench.session, edge.planning
        await planning.adopt(edge.server.connection, replace(session.active, factors=SLOW))
        await planning.plan(edge.server.connection)
        await session.go_local()
        asked_for(edge, 1)

    refitted(edge, until=lambda: edge.planning.experience.factors == StageFactors(head=2.0), use=use)
    assert edge.server.factors[1:] == [SLOW, StageFactors(head=2.0)]
    assert edge.bench.session.active.offloads


def test_a_link_that_was_slow_is_measured_again(edge: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing crosses it from home that could tell that it is well again."""

    async def use() -> None:
        session, planning = edge.bench.session, edge.planning
        monkeypatch.setattr(session.drift, "corrections_of", lambda _: Corrections(link=4.0))
        await planning.plan(edge.server.connection)
        assert planning.link is not None
        assert planning.link.uplink_bps == LINK.uplink_bps / 4.0
        assert planning.experience.link_is_rescaled
        await session.go_local()
        asked_for(edge, 1)

    refitted(edge, until=lambda: len(edge.server.asked) == 3, use=use)
    measured = edge.server.asked[-1]
    assert measured.rtt_s == pytest.approx(0.01)
    assert measured == edge.planning.link


def test_an_edge_at_home_for_another_reason_asks_nobody(edge: Planned) -> None:
    """Where nothing was found of its server or its link, these are not what keeps it there."""

    async def use() -> None:
        await edge.bench.session.go_local()
        asked_for(edge, 1)
        found_of_tables(edge, StageFactors(head=2.0))

    turns = iter(range(100))
    refitted(edge, until=lambda: next(turns) == 50, use=use)
    assert len(edge.server.factors) == 1


def test_an_edge_that_is_asked_nothing_asks_nobody(edge: Planned) -> None:
    """Whatever was found, the next request may be days away."""

    async def use() -> None:
        await edge.bench.session.go_local()
        found_of_tables(edge, SLOW)

    turns = iter(range(100))
    refitted(edge, until=lambda: next(turns) == 50, use=use)
    assert len(edge.server.factors) == 1


def test_under_the_boards_governor_nobody_is_asked(edge: Planned) -> None:
    """What was measured under it is no table that what was found could correct."""

    async def use() -> None:
        await edge.bench.session.go_local()
        asked_for(edge, 1)
        found_of_tables(edge, SLOW)
        edge.planning.wishes = replace(edge.planning.wishes, policy=Policy.GOVERNOR)
        edge.bench.session.drift.lasting.set()

    turns = iter(range(100))
    refitted(edge, until=lambda: next(turns) == 50, use=use)
    assert len(edge.server.factors) == 1


def test_a_link_that_was_found_out_since_is_planned_for_with_corrections_too(edge: Planned) -> None:
    """Refitting keeps the link of the plan in force, but not against a newer estimate, nor on another server's link."""

    async def use() -> None:
        planning, shorter = edge.planning, replace(LINK, rtt_s=LINK.rtt_s / 4)
        await planning.plan(edge.server.connection)
        assert edge.server.asked == [LINK, LINK]
        planning.expect_link(shorter)
        await planning.plan(edge.server.connection)
        assert edge.server.asked[2:] == [shorter]
        second = FakeServer(address="gpu:50052")
        await planning.measure_link(second.connection)
        await planning.join(second.connection)
        assert second.asked == [planning.link]
        assert second.asked != [shorter]

    run(edge, use)


@pytest.mark.parametrize(
    "second", [FakeServer(address="gpu:50052"), FakeServer(instance="second")], ids=["elsewhere", "in its place"]
)
def test_what_was_found_of_a_server_is_not_held_against_another_one(edge: Planned, second: FakeServer) -> None:
    """A server that was slow is left for one that is not, or has made way for it: for a promise, and when joined."""

    async def use() -> None:
        planning, active = edge.planning, edge.bench.session.active
        found = StageFactors(head=2.0, encode=3.0, decode=4.0, tail=5.0)
        await planning.adopt(edge.server.connection, replace(active, factors=found))
        await planning.plan(edge.server.connection)
        assert edge.server.factors[-1] == found
        await planning.preview_over(second.connection, LINK)
        await planning.join(second.connection)
        assert second.factors == [StageFactors(head=2.0, encode=3.0)] * 2

    run(edge, use)
