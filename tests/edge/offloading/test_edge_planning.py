"""Which link an edge's plans are made for, and over which connection they are put in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ContractError, LinkError, PlanError
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment
from joulecut_core.problems import Objective, Slo
from joulecut_edge.config import EdgeConfig
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.replanning import uplinks_around
from joulecut_edge.peers.link_probe import EchoSample
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.plans.active_plan import LOCAL_EPOCH, ActivePlan
from joulecut_edge.plans.wishes import Wishes
from joulecut_proto.planning_messages import Band, SessionReply, SessionRequest, StageFactors
from tests.edge.offloading.test_replanning import PROBLEM
from tests.edge.session_parts import HIGH, LINK, Bench, active_plan, tiny_identity
from tests.integration.tiny_profiles import edge_profile

PLAN = active_plan(2)


@dataclass
class FakeServer:
    """A connection, its planner and what that was asked; `refusal`: what planning ends with."""

    address: str = "gpu:50051"
    instance: str = ""
    session_id: str = "edge-1"
    refusal: Exception | None = None
    is_infeasible: bool = False
    planned: Assignment = PLAN.assignment
    asked: list[LinkEstimate] = field(default_factory=list)
    factors: list[StageFactors] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    newest_epoch: int = 0
    meanwhile: Callable[[], None] = lambda: None
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    successor: FakeServer | None = None
    latest = property(lambda self: self.successor or self)
    server = property(lambda self: self.instance or self.address)

    @property
    def planner(self) -> FakeServer:
        return self

    @property
    def connection(self) -> ServerConnection:
        return cast(ServerConnection, self)

    async def plan_session(self, request: SessionRequest, *, timeout_s: float) -> SessionReply:
        assert timeout_s > 0.0
        self.asked.append(request.link)
        self.factors.append(request.factors)
        self.losses.append(request.max_accuracy_loss)
        self.meanwhile()
        await asyncio.sleep(0)  # what was begun meanwhile has its say
        if self.refusal is not None:
            raise self.refusal
        assignment = None if self.is_infeasible else self.planned
        bands = (Band(lowest_bps=1e4, assignment=assignment, plan=PLAN.plan),)
        return SessionReply(assignment=assignment, plan=PLAN.plan, problem=PROBLEM, bands=bands)

    async def activate(self, session_id: str, epoch: int, *, timeout_s: float) -> None:
        assert session_id == self.session_id
        assert timeout_s > 0.0
        self.told.append(epoch)

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        return EchoSample(elapsed_s=0.01 + 1e-6 * (up_bytes + down_bytes), server_s=0.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """An edge that follows its link, corrects its tables, and has a server's plan in force for `LINK`."""

    bench: Bench
    planning: EdgePlanning
    server: FakeServer

    async def begin(self) -> None:
        self.planning.expect_link(LINK)
        await self.planning.join(self.server.connection)


@pytest.fixture(name="edge")
def _edge() -> Iterator[Planned]:
    with Bench() as bench:
        wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b"))
        planning = EdgePlanning(tiny_identity(), bench.session, bench.clock, wishes, refit=True)
        planning.uplinks = uplinks_around
        yield Planned(bench, planning, FakeServer())


def run(edge: Planned, use: Callable[[], Awaitable[None]]) -> None:
    async def body() -> None:
        await edge.begin()
        await use()

    asyncio.run(body())


def test_a_plan_that_is_told_anew_is_no_news(edge: Planned, caplog: pytest.LogCaptureFixture) -> None:
    """What the plan in force expects of its link changes every few seconds: the log is told of other plans alone."""

    async def use() -> None:
        planning, active = edge.planning, edge.bench.session.active
        slower = replace(LINK, uplink_bps=LINK.uplink_bps / 2)
        with caplog.at_level(logging.INFO):
            await planning.adopt(edge.server.connection, replace(active, link=slower))
            assert edge.bench.session.active.link == slower
            assert "adopted" not in caplog.text
            other = replace(active.assignment, epoch=active.assignment.epoch + 1)
            await planning.adopt(edge.server.connection, replace(active, assignment=other))
            assert caplog.text.count("adopted") == 1

    run(edge, use)


def test_an_expected_link_without_a_plan_is_given_up(edge: Planned) -> None:
    """The plans in force are still those of the link before; a link that was measured meanwhile stays."""

    async def use() -> None:
        planning, expected = edge.planning, replace(LINK, rtt_s=LINK.rtt_s / 4)
        await planning.plan(edge.server.connection)
        planned = planning.link
        planning.expect_link(expected)
        planning.expect_no_more(expected)
        assert planning.link is planned
        planning.expect_link(LINK)
        planning.expect_no_more(expected)
        assert planning.link is LINK

    run(edge, use)


def test_terms_asked_for_meanwhile_are_not_undone(edge: Planned) -> None:
    """A drift or a second operator who asks while new terms are being planned for waits, and then keeps those terms."""

    def careful(wishes: Wishes) -> Wishes:
        return replace(wishes, max_accuracy_loss=0.005)

    def for_the_edge(wishes: Wishes) -> Wishes:
        return replace(wishes, objective=Objective(server_weight=0.0))

    async def use() -> None:
        planning, connection = edge.planning, edge.server.connection
        before = planning.wishes
        later: list[asyncio.Future[SessionReply]] = []

        def meanwhile() -> None:
            edge.server.meanwhile = lambda: None
            waiting = planning.plan(connection), planning.plan(connection, for_the_edge)
            later.extend(map(asyncio.ensure_future, waiting))

        edge.server.meanwhile = meanwhile
        await planning.plan(connection, careful)
        await asyncio.gather(*later)
        assert edge.server.losses[1:] == [0.005, 0.005, 0.005]
        assert planning.wishes == for_the_edge(careful(before))

    run(edge, use)


def test_a_plan_whose_caller_left_goes_on_to_its_end(edge: Planned) -> None:
    """Its epoch is the server's by then; who left before it had its turn changes nothing."""

    async def use() -> None:
        planning, connection, session = edge.planning, edge.server.connection, edge.bench.session
        edge.server.planned = replace(PLAN.assignment, epoch=PLAN.assignment.epoch + 1)
        callers: list[asyncio.Task[SessionReply]] = []

        def careful(wishes: Wishes) -> Wishes:
            callers[0].cancel()
            return replace(wishes, max_accuracy_loss=0.005)

        def for_the_edge(wishes: Wishes) -> Wishes:
            return replace(wishes, objective=Objective(server_weight=0.0))

        callers += [
            asyncio.create_task(planning.plan_to_the_end(connection, change)) for change in (careful, for_the_edge)
        ]
        await asyncio.wait(callers[:1])
        callers[1].cancel()
        await asyncio.wait(callers)
        assert all(caller.cancelled() for caller in callers)
        while planning._begun:
            await asyncio.sleep(0)
        assert session.active.assignment == edge.server.planned
        assert edge.server.told[-1] == edge.server.planned.epoch
        assert (planning.wishes.max_accuracy_loss, planning.wishes.objective) == (0.005, Objective())

    run(edge, use)


def test_a_plan_that_fails_for_nobody_is_logged(edge: Planned, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asked for it has left, and cannot be told."""

    async def use() -> None:
        callers: list[asyncio.Task[SessionReply]] = []

        def leave(wishes: Wishes) -> Wishes:
            callers[0].cancel()
            return wishes

        edge.server.refusal = PlanError("no room")
        callers.append(asyncio.create_task(edge.planning.plan_to_the_end(edge.server.connection, leave)))
        await asyncio.wait(callers)
        while edge.planning._begun:
            await asyncio.sleep(0)
        assert "no plan for a caller that left meanwhile: no room" in caplog.text

    run(edge, use)


def test_a_stop_ends_what_would_go_on(edge: Planned) -> None:
    """The session is released at the server next."""

    async def use() -> None:
        stopping: list[asyncio.Task[None]] = []

        def stop(wishes: Wishes) -> Wishes:
            stopping.append(asyncio.create_task(edge.planning.stop()))
            return wishes

        with pytest.raises(asyncio.CancelledError):
            await edge.planning.plan_to_the_end(edge.server.connection, stop)
        await stopping[0]
        assert edge.planning._begun == set()

    run(edge, use)


def test_a_plan_over_a_connection_that_was_left_is_not_put_in_force(edge: Planned) -> None:
    """A plan that was asked for before the edge moved on must not bring its requests back."""

    async def use() -> None:
        before, second = edge.bench.session.active, FakeServer(address="gpu:50052")
        second.meanwhile = second.leaving.set
        with pytest.raises(LinkError, match="lost or left"):
            await edge.planning.plan(second.connection)
        assert edge.bench.session.active is before

    run(edge, use)


def test_a_plan_that_no_request_could_be_answered_under_is_refused(edge: Planned) -> None:
    """The plan in force stays, and the server is not told to follow the other one."""

    async def use() -> None:
        before = edge.bench.session.active
        edge.server.planned = replace(PLAN.assignment, cut=77)
        with pytest.raises(ContractError, match="cut 77"):
            await edge.planning.plan(edge.server.connection)
        assert edge.bench.session.active is before
        assert edge.server.told == [PLAN.assignment.epoch]

    run(edge, use)


def test_the_server_is_told_of_a_plan_at_hand_whose_clock_is_another(edge: Planned) -> None:
    """Going home gives the server's clock back; a plan at the same clock is none of its business."""

    def at_hand(server_clock: OperatingPoint | None, epoch: int) -> ActivePlan:
        plan = active_plan(2, epoch=epoch)
        return replace(plan, assignment=replace(plan.assignment, server_clock=server_clock))

    async def use() -> None:
        planning, connection = edge.planning, edge.server.connection
        assert edge.server.told == [PLAN.assignment.epoch]
        for active in (at_hand(HIGH, 5), at_hand(HIGH, 6), edge.bench.session.local):
            await planning.adopt(connection, active)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await planning.stop()
        assert edge.server.told == [PLAN.assignment.epoch, 5, LOCAL_EPOCH]

    run(edge, use)


def test_a_server_that_gives_no_plan_changes_nothing(edge: Planned) -> None:
    """The edge stays where it is, and goes on following that link with the plans at hand."""

    async def use() -> None:
        planning, bands = edge.planning, edge.planning.bands
        assert bands
        with pytest.raises(PlanError, match="no room"):
            await planning.join(FakeServer(address="gpu:50052", refusal=PlanError("no room")).connection)
        assert (planning.link, planning.bands) == (LINK, bands)

    run(edge, use)


def test_a_server_in_use_is_planned_with_for_its_own_link_while_another_is_joined(edge: Planned) -> None:
    """What was asked for meanwhile, as by an application, gets nobody else's link."""

    async def use() -> None:
        planning, other = edge.planning, FakeServer(address="gpu:50052", refusal=PlanError("no room"))
        planning.links.remember(other.address, replace(LINK, rtt_s=2.0))
        asking: list[asyncio.Task[SessionReply]] = []
        other.meanwhile = lambda: asking.append(asyncio.create_task(planning.plan(edge.server.connection)))
        with pytest.raises(PlanError, match="no room"):
            await planning.join(other.connection)
        await asking[0]
        assert [link.rtt_s for link in other.asked] == [2.0]
        assert [link.rtt_s for link in edge.server.asked] == [LINK.rtt_s] * 2
        assert planning.link == LINK

    run(edge, use)


def test_a_server_without_a_choice_is_joined_alone(edge: Planned) -> None:
    """What another server planned is over with it: nothing more is sent there."""

    async def use() -> None:
        await edge.planning.join(FakeServer(address="gpu:50052", is_infeasible=True).connection)
        assert edge.bench.session.active.assignment.epoch == LOCAL_EPOCH
        assert edge.planning.bands == ()

    run(edge, use)


def test_other_terms_count_without_a_server_too(edge: Planned) -> None:
    """An edge that loses its server keeps the level asked for last, not that of its start; a preview has none."""
    tight = Slo(latency_s=1e-6)

    async def use() -> None:
        session, planning, connection = edge.bench.session, edge.planning, edge.server.connection
        before = session.local
        await planning.plan(connection, lambda wishes: replace(wishes, slo=tight), preview=True)
        assert session.local is before
        await session.go_local()
        await planning.plan(connection, lambda wishes: replace(wishes, slo=tight))
        assert session.active.offloads
        await session.go_local()
        assert (session.active.deadline_s, session.active.assignment.edge_clock) == (
            tight.latency_s,
            edge_profile().clock_table[-1],
        )

    run(edge, use)


def test_terms_that_leave_no_choice_change_nothing(edge: Planned) -> None:
    """They are not those of the next plan either, which would send an edge home that could go on as before."""

    async def use() -> None:
        session, planning = edge.bench.session, edge.planning
        before = session.active, session.local, planning.wishes
        edge.server.is_infeasible = True
        reply = await planning.plan(edge.server.connection, lambda wishes: replace(wishes, max_accuracy_loss=0.005))
        assert reply.assignment is None
        assert (session.active, session.local, planning.wishes) == before

    run(edge, use)
