"""An edge follows its link on virtual time: from plan to plan at hand, home and back, without asking for new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from joulecut_core.errors import LeaseError, LinkError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import OPTIMAL, Assignment
from joulecut_core.problems import Slo
from joulecut_core.timing import ManualClock
from joulecut_edge.offloading import replanning
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.replanning import Replanning, uplinks_around
from joulecut_edge.peers.link_probe import EchoSample
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.plans.active_plan import LOCAL_EPOCH, ActivePlan
from joulecut_edge.plans.standby_plans import StandbyPlans
from joulecut_edge.requests.counters import Counters
from joulecut_edge.requests.session import EdgeSession
from joulecut_planner import Problem, parse_problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.choices.variations import with_uplink
from joulecut_planner.links import Transfer
from joulecut_planner.uplinks.bands import plan_bands
from joulecut_proto.planning_messages import Band
from tests.planner.small_document import small_document

FAST_BPS = 2e7


def posed() -> Problem:
    """A split pays on a fast link, the edge alone keeps the deadline on every one."""
    problem = parse_problem(small_document())
    return replace(
        problem, slo=Slo(latency_s=0.2, rate_hz=5.0), objective=replace(problem.objective, server_weight=0.0)
    )


PROBLEM = posed()


def band_of(lowest_bps: float, choice: Choice, epoch: int) -> Band:
    there = with_uplink(PROBLEM, lowest_bps)
    plan = plan_for(there, choice, evaluated=0, solve_s=0.0)
    return Band(
        lowest_bps=lowest_bps,
        plan=plan,
        assignment=Assignment(
            epoch=epoch,
            network_digest="sha256:00",
            policy="joint",
            cut=choice.cut,
            codec=plan.codec or "",
            variant=plan.variant or "",
            edge_clock=plan.edge_clock,
            server_clock=plan.server_clock,
        ),
    )


def bands_of(problem: Problem) -> tuple[Band, ...]:
    """As a server gives them, an epoch each."""
    bands = []
    for epoch, band in enumerate(plan_bands(problem, 1e4, 1e9), start=1):
        assert band.plan.status == OPTIMAL
        choice = choice_of(with_uplink(problem, band.lowest_bps), band.plan)
        bands.append(band_of(band.lowest_bps, choice, epoch))
    return tuple(bands)


def test_standby_plans_are_the_bands_each_choice_once() -> None:
    """What the switcher sees are the bands' own choices; a plan in force is found by its epoch, and priced anew."""
    bands = bands_of(PROBLEM)
    local = active_of(bands[0], offloads=False)
    standby = StandbyPlans.of(PROBLEM, (*bands, bands[-1]), local)
    assert len(standby.plans) == len(bands)
    last = active_of(bands[-1], offloads=True)
    index = standby.index_of(last)
    assert index is not None
    assert index == len(bands) - 1
    told = standby.priced(index, last, 3e7)
    assert told.link is not None
    assert told.link.uplink_bps == 3e7
    expected = price(with_uplink(PROBLEM, 3e7), standby.plans[index].choice)
    assert told.plan.latency_bound_s == pytest.approx(expected.latency_bound_s)
    assert standby.index_of(replace(last, assignment=replace(last.assignment, epoch=99))) is None


def active_of(band: Band, *, offloads: bool) -> ActivePlan:
    assert band.assignment is not None
    link = LinkEstimate(
        uplink_bps=FAST_BPS,
        downlink_bps=PROBLEM.link.downlink_bps,
        rtt_s=PROBLEM.link.rtt_s,
        latency_std_s=PROBLEM.link.latency_std_s,
    )
    return ActivePlan(
        assignment=band.assignment,
        plan=band.plan,
        offloads=offloads,
        wait_w=2.0,
        period_s=0.2,
        link=link,
        deadline_s=0.2,
    )


@dataclass
class FakeServer:
    """A connection that echoes over a link of so many bits per second."""

    clock: ManualClock
    uplink_bps: float
    rtt_s: float = PROBLEM.link.rtt_s
    echoed: int = 0

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        assert down_bytes == 0
        self.echoed += 1
        elapsed_s = self.rtt_s + 8.0 * up_bytes / self.uplink_bps
        self.clock.advance_s(elapsed_s)
        return EchoSample(elapsed_s=elapsed_s, server_s=0.0)


@dataclass
class FakeEdge:
    """A session, its planning and its offloading in one: holds what is in force, and adopts what it is given.

    `expected`: the links that it was told to plan for; `is_refused`: its server gives no plans; `clock_refused`: why
    its device gives no clock.
    """

    server: FakeServer
    bands: tuple[Band, ...]
    active: ActivePlan
    local: ActivePlan
    counters: Counters = field(default_factory=Counters)
    adopted: list[int] = field(default_factory=list)
    expected: list[LinkEstimate] = field(default_factory=list)
    forgotten: int = 0
    asked_s: list[float] = field(default_factory=list)
    is_refused: bool = False
    clock_refused: str = ""
    problem: Problem = field(default_factory=lambda: PROBLEM)

    @property
    def planning(self) -> FakeEdge:
        return self

    @property
    def connection(self) -> ServerConnection:
        return cast(ServerConnection, self.server)

    @property
    def link(self) -> LinkEstimate | None:
        return active_of(self.bands[-1], offloads=True).link

    def active_of(self, band: Band) -> ActivePlan:
        assert band.assignment is not None
        return active_of(band, offloads=band.assignment.cut < len(PROBLEM.cuts) - 1)

    def expect_link(self, link: LinkEstimate) -> None:
        self.expected.append(link)

    def expect_no_more(self, link: LinkEstimate | None) -> None:
        assert link is self.expected[-1]
        self.forgotten += 1

    async def plan(self, connection: ServerConnection) -> None:
        assert connection is self.connection
        self.asked_s.append(self.server.clock.now_s())
        if self.is_refused:
            raise LinkError("no plans now")

    async def adopt(self, connection: ServerConnection, active: ActivePlan) -> None:
        assert connection is self.connection
        if self.clock_refused:
            raise LeaseError(self.clock_refused)
        self.active = active
        self.adopted.append(active.assignment.epoch)


class Drive:
    """Requests at a rate over a link, one after the other, each told to the re-planning as the session does."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        bands = bands_of(PROBLEM)
        self.edge = FakeEdge(
            server=FakeServer(self.clock, FAST_BPS),
            bands=bands,
            active=active_of(bands[-1], offloads=True),
            local=active_of(bands[0], offloads=False),
        )
        self.replanning = Replanning(cast(EdgeSession, self.edge), cast(Offloading, self.edge), self.clock)

    async def requests(self, count: int) -> None:
        for _ in range(count):
            edge = self.edge
            edge.counters = replace(edge.counters, requests=edge.counters.requests + 1)
            if edge.active.offloads:
                size_bytes = PROBLEM.cuts[edge.active.assignment.cut].wires[0].uplink_bytes
                link_s = edge.server.rtt_s + 8.0 * size_bytes / edge.server.uplink_bps
                self.replanning.transferred(
                    Transfer(time_s=self.clock.now_s(), up_bytes=size_bytes, down_bytes=0, link_s=link_s)
                )
            await self.replanning.look()
            await asyncio.sleep(0)
            self.clock.advance_s(0.2)


def run(use: Callable[[Drive], Awaitable[None]]) -> None:
    async def body() -> None:
        drive = Drive()
        await drive.replanning.look()
        await use(drive)
        await drive.replanning.stop()

    asyncio.run(asyncio.wait_for(body(), 20.0))


def test_a_collapse_is_answered_with_another_plan_and_a_recovery_with_the_way_back() -> None:
    """The link falls: home within a few requests. It is well again: back, but not before the hold; nobody plans."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        await drive.requests(20)
        assert edge.active.offloads
        before = sum(drive.replanning.replans.values())
        assert before <= 1
        edge.server.uplink_bps = 2e4
        await drive.requests(30)
        assert not edge.active.offloads
        changes = sum(drive.replanning.replans.values())
        assert before + 1 <= changes <= before + 3
        edge.server.uplink_bps = FAST_BPS
        await drive.requests(400)
        assert edge.active.offloads
        assert edge.server.echoed > 0
        assert sum(drive.replanning.replans.values()) <= changes + 3

    run(use)


def test_a_plan_whose_clock_is_refused_is_no_change() -> None:
    """It is tried again and again for as long as that lasts: counted, it would look like plans that flap."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        await drive.requests(20)
        before = drive.replanning.replans
        edge.server.uplink_bps, edge.clock_refused = 2e4, "held by another"
        with pytest.raises(LeaseError, match="held by another"):
            await drive.requests(30)
        assert drive.replanning.replans == before
        edge.clock_refused = ""
        await drive.requests(30)
        assert sum(drive.replanning.replans.values()) > sum(before.values())

    run(use)


def test_a_link_is_not_probed_for_nobody() -> None:
    """An edge that is asked nothing does not spend its radio on knowing the link."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        edge.server.uplink_bps = 2e4
        await drive.requests(30)
        assert not edge.active.offloads
        echoed = edge.server.echoed
        for _ in range(100):
            drive.clock.advance_s(1.0)
            await drive.replanning.look()
        assert edge.server.echoed <= echoed + 10

    run(use)


def test_a_request_that_waits_for_too_long_tells_of_the_link_before_it_ends() -> None:
    """A link that carries nothing any more gives no answers: what is under way is looked at as well."""

    async def use(drive: Drive) -> None:
        await drive.requests(20)
        drive.replanning.began("r", time_s=drive.clock.now_s(), up_bytes=50_000)
        drive.clock.advance_s(3.0)
        await drive.replanning.look()
        outlook = drive.replanning.outlook
        assert outlook is not None
        assert outlook.recent_bps < 50_000 * 8 / 2.9
        drive.replanning.ended("r")

    run(use)


def test_the_link_is_looked_at_as_soon_as_an_answer_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collapse brings no news of its own: the deadline of a request under way asks for a look, and not the clock."""
    monkeypatch.setattr(replanning, "_LOOK_S", 1e6)
    monkeypatch.setattr(ManualClock, "wall_s", lambda _, duration_s: 1e-3 * duration_s)

    async def use(drive: Drive) -> None:
        await drive.requests(20)
        keeping = asyncio.create_task(drive.replanning.keep())
        await asyncio.sleep(0)
        drive.replanning.began("late", time_s=drive.clock.now_s() - 3.0, up_bytes=50_000)
        before = drive.replanning.outlook
        while drive.replanning.outlook is before:
            await asyncio.sleep(0)
        drive.replanning.ended("late")
        keeping.cancel()
        assert drive.replanning.outlook is not None
        assert drive.replanning.outlook.recent_bps < 50_000 * 8 / 2.9

    run(use)


def test_a_request_that_is_given_up_early_is_late() -> None:
    """The edge gives up while it can still finish in time: that it waited for less than the deadline is no comfort."""

    async def use(drive: Drive) -> None:
        await drive.requests(20)
        active = drive.edge.active
        assert active.offloads
        assert active.deadline_s is not None
        waited_s = 0.4 * active.deadline_s
        sent_bytes = PROBLEM.cuts[active.assignment.cut].wires[1].uplink_bytes
        for _ in range(40):
            if drive.edge.active.offloads:
                drive.clock.advance_s(waited_s)
                drive.replanning.transferred(
                    Transfer(
                        time_s=drive.clock.now_s(), up_bytes=sent_bytes, down_bytes=0, link_s=waited_s, is_over=False
                    ),
                    deadline_s=active.deadline_s,
                )
                await drive.replanning.look()
        assert not drive.edge.active.offloads

    run(use)


def test_a_plan_in_force_is_told_how_the_link_moves() -> None:
    """Within its reach nothing is planned anew; what it expects of the server follows, every five seconds at most."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        await drive.requests(50)
        epoch, replans = edge.active.assignment.epoch, drive.replanning.replans
        edge.adopted.clear()
        await drive.requests(200)
        assert edge.adopted == []
        for turn in range(100):
            edge.server.uplink_bps = FAST_BPS * (1.0 + 0.03 * turn)
            await drive.requests(1)
        await drive.requests(100)
        assert edge.active.link is not None
        assert edge.active.link.uplink_bps == pytest.approx(edge.server.uplink_bps, rel=0.5)
        assert set(edge.adopted) == {epoch}
        assert 2 <= len(edge.adopted) <= 5
        assert drive.replanning.replans == replans
        assert edge.expected == []

    run(use)


def test_another_round_trip_keeps_no_edge_at_home() -> None:
    """Far longer than planned for, as probes find at home: plans for it are asked for, once a minute at most."""

    async def use(drive: Drive) -> None:
        edge = drive.edge
        edge.server.uplink_bps = 2e4
        await drive.requests(30)
        assert not edge.active.offloads
        assert edge.expected == []
        edge.server.uplink_bps, edge.server.rtt_s = FAST_BPS, 0.5
        await drive.requests(400)
        assert 1 <= len(edge.asked_s) <= 3
        assert [each.rtt_s for each in edge.expected] == pytest.approx([0.5] * len(edge.expected), rel=0.2)

    run(use)


def test_plans_are_asked_for_around_the_link() -> None:
    """A range has the measured link well inside, so that both a collapse and a better network find a plan."""
    link = LinkEstimate(uplink_bps=1e7, downlink_bps=1e7, rtt_s=0.004)
    uplinks = uplinks_around(link)
    assert uplinks.lowest_bps < link.uplink_bps / 10 < 10 * link.uplink_bps < uplinks.highest_bps
    assert LOCAL_EPOCH == 0
