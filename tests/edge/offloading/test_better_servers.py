"""When an edge leaves a server that works for another one, and that it stays where nothing would be won."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from joulecut_core.errors import LinkError
from joulecut_core.ledgers import FallbackReason
from joulecut_core.problems import Slo
from joulecut_core.timing import ManualClock
from joulecut_edge.config import EdgeConfig
from joulecut_edge.offloading import better_servers
from joulecut_edge.offloading.better_servers import Better, BetterServers, Reason
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.joining import Joining
from joulecut_edge.peers.link_probe import EchoSample
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers
from joulecut_edge.plans.wishes import Wishes
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from tests.edge.offloading.test_replanning import PROBLEM
from tests.edge.session_parts import LINK, Bench, active_plan, planned, tiny_identity

DEADLINE_S = 0.5
RETURN_S = 30.0
GOOD_S, BAD_S = 0.01, 1.4
AWAY = active_plan(2, epoch=3)


@dataclass
class FakeServer:
    """A connection whose link has a round trip; its plans offload where that costs less than `pays_below_s`."""

    address: str
    rtt_s: float = GOOD_S
    pays_below_s: float = 10.0
    probes: int = 0
    previews: int = 0
    is_down: bool = False
    opened_within_s: float = 0.0
    server = property(lambda self: self.address)

    @property
    def planner(self) -> FakeServer:
        return self

    async def echo(self, up_bytes: int, down_bytes: int) -> EchoSample:
        self.probes += not up_bytes and not down_bytes
        return EchoSample(elapsed_s=self.rtt_s + 1e-6 * (up_bytes + down_bytes), server_s=0.0)

    async def plan_session(self, request: SessionRequest, *, timeout_s: float) -> SessionReply:
        assert request.preview
        assert timeout_s > 0.0
        self.previews += 1
        plan = planned(head_s=0.02, remote_s=request.link.rtt_s)
        offloaded = replace(plan, server_point=0 if request.link.rtt_s < self.pays_below_s else None)
        return SessionReply(assignment=None, plan=offloaded, problem=PROBLEM)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass
class Site:
    """An edge that uses the first of three servers, or another one; `looks` are what happens every half minute."""

    bench: Bench
    planning: EdgePlanning
    servers: Servers
    by_address: dict[str, FakeServer] = field(default_factory=dict)
    seems_well_s: float = 0.0

    def __post_init__(self) -> None:
        self.by_address = {address: FakeServer(address) for address in ("a:1", "b:1", "c:1")}
        self.better = BetterServers(
            self.bench.session, self.servers, cast(Joining, self), self.planning, return_s=RETURN_S
        )

    async def opened(self, candidate: Candidate) -> ServerConnection:
        """As `Joining.opened`."""
        server = self.by_address[candidate.address]
        if server.is_down:
            raise LinkError("nobody listens")
        return cast(ServerConnection, server)

    async def well_s(self, candidate: Candidate) -> float:
        del candidate
        return self.seems_well_s

    def forget_wellness(self, candidate: Candidate | None = None) -> None:
        """As `Joining.forget_wellness`."""
        del candidate

    def answers(self, *, in_time: int = 0, at_home: int = 0, late: int = 0, refused: int = 0) -> None:
        """Requests that were answered like this."""
        was, more = self.bench.session.counters, in_time + at_home + late + refused
        reasons = {FallbackReason.LATE: late, FallbackReason.REFUSED: refused}
        self.bench.session.counters = replace(
            was,
            requests=was.requests + more,
            in_time=was.in_time + in_time,
            fallbacks=was.fallbacks + late + refused,
            reasons={reason: was.reasons.get(reason, 0) + count for reason, count in reasons.items()},
        )

    async def look(self, used: str = "a:1") -> Better | None:
        connection = cast(ServerConnection, self.by_address[used])
        return await self.better.found(Candidate(address=used), connection)

    def probed(self) -> dict[str, int]:
        """How often each link was measured."""
        return {address: server.probes // 8 for address, server in self.by_address.items()}


@pytest.fixture(name="site")
def _site() -> Iterator[Site]:
    with Bench() as bench:
        wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b", slo=Slo(latency_s=DEADLINE_S)))
        planning = EdgePlanning(tiny_identity(), bench.session, bench.clock, wishes)
        planning.expect_link(LINK)
        yield Site(bench, planning, Servers(parse_servers("a:1,b:1,c:1"), ManualClock()))


def run(site: Site, use: Callable[[], Awaitable[None]], *, at_home: bool = False) -> None:
    async def body() -> None:
        if not at_home:
            await site.bench.session.switch(AWAY, site.bench.remote)
        site.better.begin()
        await use()

    asyncio.run(body())


@pytest.mark.parametrize("at_home", [False, True])
def test_a_server_that_is_never_in_time_is_left_for_one_that_would_be(site: Site, at_home: bool) -> None:
    """Whether its answers are late or its link keeps the edge at home. The other's link is measured, and remembered."""

    async def use() -> None:
        site.answers(**({"at_home": 20} if at_home else {"late": 20}))
        better = await site.look()
        assert better == Better(candidate=Candidate(address="b:1"), reason=Reason.IN_TIME)
        assert site.probed() == {"a:1": 0, "b:1": 1, "c:1": 0}
        assert "b:1" in site.planning.links

    run(site, use, at_home=at_home)


@pytest.mark.parametrize(("opened_within_s", "limit_s"), [(0.05, 30.0), (2.4, 96.0), (60.0, 300.0)])
def test_a_link_with_long_round_trips_gets_more_time(
    site: Site, monkeypatch: pytest.MonkeyPatch, opened_within_s: float, limit_s: float
) -> None:
    """Measuring takes dozens of them: over a satellite an edge would never move in half a minute."""
    limits_s: list[float | None] = []

    async def within(work: Awaitable[bool], each_s: float | None) -> bool:
        limits_s.append(each_s)
        return await work

    monkeypatch.setattr(better_servers, "within", within)

    async def use() -> None:
        site.by_address["b:1"].opened_within_s = opened_within_s
        site.answers(late=20)
        assert await site.look() == Better(candidate=Candidate(address="b:1"), reason=Reason.IN_TIME)
        assert limits_s == [pytest.approx(limit_s)]

    run(site, use)


def test_a_server_that_is_no_longer_named_is_left_after_some_looks(site: Site) -> None:
    """Others that are named take its place once they are well; one that is left out now and then stays."""
    site.seems_well_s = RETURN_S

    async def use() -> None:
        for _ in range(3):
            for _ in range(10):
                assert await site.look("z:1") is None
            assert await site.look("a:1") is None
        for _ in range(10):
            assert await site.look("z:1") is None
        assert await site.look("z:1") == Better(candidate=Candidate(address="a:1"), reason=Reason.NAMED)

    site.by_address["z:1"] = FakeServer("z:1")
    run(site, use)


def test_behind_one_bad_link_an_edge_stays_and_looks_ever_more_rarely(site: Site) -> None:
    """Each try measures one other link, in turn, with waits of 1, 2, 4, 8, 16, 16 ... looks; nothing is remembered."""

    async def use() -> None:
        for server in site.by_address.values():
            server.rtt_s = BAD_S
        tried_at = []
        for number in range(1, 64):
            before = sum(site.probed().values())
            site.answers(late=20)
            assert await site.look() is None
            if sum(site.probed().values()) > before:
                tried_at.append(number)
                assert sum(site.probed().values()) == before + 1
        assert tried_at == [1, 3, 7, 15, 31, 47, 63]
        assert site.probed() == {"a:1": 0, "b:1": 4, "c:1": 3}
        assert "b:1" not in site.planning.links
        # One answer in time, and the next trouble is seen to as soon as the first.
        site.answers(in_time=1, late=20)
        await site.look()
        site.by_address["c:1"].rtt_s = GOOD_S
        site.answers(late=20)
        better = await site.look()
        assert better is not None
        assert better.candidate.address == "c:1"

    run(site, use)


@pytest.mark.parametrize(
    "answers", [{"in_time": 1, "late": 50}, {"refused": 50}, {"late": 2}, {}], ids=["some", "refused", "two", "idle"]
)
def test_what_does_not_make_a_server_late(site: Site, answers: dict[str, int]) -> None:
    """An answer in time, a server that is full and says so, a request or two, nothing at all: nobody else is asked."""

    async def use() -> None:
        for _ in range(5):
            site.answers(**answers)
            assert await site.look() is None
            site.better.begin()
        assert site.probed() == {"a:1": 0, "b:1": 0, "c:1": 0}

    run(site, use)


def test_an_edge_that_no_link_would_bring_out_is_left_in_peace(site: Site) -> None:
    """At home because that costs least: its own server says so, and no other one is connected to."""

    async def use() -> None:
        site.by_address["a:1"].pays_below_s = 0.0
        for _ in range(3):
            site.answers(at_home=20)
            assert await site.look() is None
        assert site.by_address["a:1"].previews == 2
        assert site.probed() == {"a:1": 0, "b:1": 0, "c:1": 0}

    run(site, use, at_home=True)


@pytest.mark.parametrize("is_down", [False, True], ids=["no gain", "down"])
def test_a_server_that_would_not_be_sent_to_is_not_gone_to(site: Site, is_down: bool) -> None:
    """Its plan stays at home, or nobody listens: the edge stays where it is."""

    async def use() -> None:
        site.by_address["b:1"].pays_below_s, site.by_address["b:1"].is_down = 0.0, is_down
        site.answers(late=20)
        assert await site.look() is None

    run(site, use)


def test_a_server_left_as_late_is_gone_back_to_when_it_would_be_in_time(site: Site) -> None:
    """Greetings do not do: its link is measured, and while that is bad it must be well for twice as long each time."""

    async def use() -> None:
        first = Candidate(address="a:1")
        site.servers.late(first)
        assert site.servers.may_try(first)
        site.by_address["a:1"].rtt_s = BAD_S
        for times, probes, doubt in ((1, 0, 2.0), (2, 1, 4.0), (2, 1, 4.0)):
            site.seems_well_s = times * RETURN_S
            assert await site.look("b:1") is None
            assert (site.probed()["a:1"], site.servers.doubt(first)) == (probes, doubt)
        # Not even where the one in use is late itself is more than one asked in one look.
        site.seems_well_s = 4 * RETURN_S
        site.answers(late=20)
        assert await site.look("b:1") is None
        assert site.probed() == {"a:1": 2, "b:1": 0, "c:1": 0}
        site.by_address["a:1"].rtt_s, site.seems_well_s = GOOD_S, 8 * RETURN_S
        assert await site.look("b:1") == Better(candidate=first, reason=Reason.WELL_AGAIN)

    run(site, use)
