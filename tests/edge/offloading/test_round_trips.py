"""A round trip that was measured in a bad moment: crossings disprove it, and an edge at home asks for plans anew."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from joulecut_core.links import LinkEstimate
from joulecut_core.timing import ManualClock
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.replanning import Replanning
from joulecut_edge.offloading.round_trips import RoundTrips
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.requests.session import EdgeSession
from joulecut_proto.planning_refusals import PlannerBusyError
from tests.edge.offloading.test_replanning import FAST_BPS, PROBLEM, FakeEdge, FakeServer, active_of, bands_of

BUSY = LinkEstimate(uplink_bps=FAST_BPS, downlink_bps=FAST_BPS, rtt_s=0.3, latency_std_s=0.05)


def test_crossings_prove_a_shorter_round_trip() -> None:
    """Their median is the bound, their spread the new one; the rest of the link stays."""
    trips = RoundTrips()
    for link_s in (0.011, 0.009, 0.010, 0.2, 0.010):
        trips.observe(link_s)
    found = trips.shorter_than(BUSY)
    assert found is not None
    assert found.rtt_s == pytest.approx(0.010)
    better = found.on(BUSY)
    assert better == replace(BUSY, rtt_s=0.010, latency_std_s=better.latency_std_s)
    assert better.latency_std_s < 0.01
    steadier = replace(BUSY, latency_std_s=1e-6)
    assert found.on(steadier).latency_std_s == 1e-6


@pytest.mark.parametrize(
    "crossings_s",
    [(0.01,) * 4, (0.25, 0.26, 0.25, 0.24, 0.25), (0.01, 0.01, 0.5, 0.5, 0.5), (*(0.01,) * 5, *(0.3,) * 5)],
    ids=["few", "hardly shorter", "two lucky ones", "long ago"],
)
def test_what_proves_nothing(crossings_s: tuple[float, ...]) -> None:
    """Plans are not made anew for a handful of lucky echoes, nor for a little."""
    trips = RoundTrips()
    for link_s in crossings_s:
        trips.observe(link_s)
    assert trips.shorter_than(BUSY) is None


def test_echoes_of_nothing_prove_a_longer_round_trip() -> None:
    """Their median is the new one, no steadier than before; a crossing that takes as long as they do adds nothing."""
    trips = RoundTrips()
    for empty_s in (0.5, 0.51, 0.49, 2.0, 0.5):
        trips.observe(empty_s + 0.01, empty_s=empty_s)
    found = trips.longer_than(BUSY)
    assert found is not None
    assert found.on(BUSY) == replace(BUSY, rtt_s=0.5)
    assert trips.longer_than(found.on(BUSY)) is None
    assert trips.shorter_than(BUSY) is None


@pytest.mark.parametrize(
    "pairs_s",
    [
        ((0.5, 0.5),) * 4,
        ((0.4, 0.4),) * 5,
        ((2.0, 0.5),) * 5,
        (*((0.5, 0.5),) * 4, (2.0, 0.5), (0.5, 0.5)),
        (*((0.5, 0.5),) * 4, (0.3, None), (0.5, 0.5)),
    ],
    ids=["few", "hardly longer", "a slow link", "slow in between", "short in between"],
)
def test_what_proves_no_longer_one(pairs_s: tuple[tuple[float, float | None], ...]) -> None:
    """A crossing that takes longer than nothing does tells of slow bytes; only a row of the others counts."""
    trips = RoundTrips()
    for crossing_s, empty_s in pairs_s:
        trips.observe(crossing_s, empty_s=empty_s)
    assert trips.longer_than(BUSY) is None


def test_another_link_begins_anew() -> None:
    """What crossed before says nothing of it."""
    trips = RoundTrips()
    for _ in range(5):
        trips.observe(0.01, empty_s=0.01)
    trips.forget()
    assert trips.shorter_than(BUSY) is None
    assert trips.longer_than(replace(BUSY, rtt_s=0.001)) is None


@dataclass
class EdgeAtHome(FakeEdge):
    """One whose plans were made for a link as it was measured; counts what is asked for."""

    planned: LinkEstimate = BUSY
    asked: list[LinkEstimate] = field(default_factory=list)
    refusals: int = 0
    wishes: None = None

    @property
    def link(self) -> LinkEstimate | None:
        return self.planned

    def expect_link(self, link: LinkEstimate) -> None:
        self.planned = link

    def expect_no_more(self, link: LinkEstimate | None) -> None:
        assert link is self.planned
        self.planned = BUSY

    async def plan(self, connection: ServerConnection) -> None:
        assert connection is self.connection
        self.asked.append(self.planned)
        if len(self.asked) <= self.refusals:
            raise PlannerBusyError("too many plans; try again in 50 s")


async def after(
    requests: int, *, planned: LinkEstimate, uplink_bps: float = FAST_BPS, refusals: int = 0
) -> list[LinkEstimate]:
    """The links that an edge at home asked for plans for, after so many requests, five a second."""
    clock, bands = ManualClock(), bands_of(PROBLEM)
    home = active_of(bands[0], offloads=False)
    edge = EdgeAtHome(server=FakeServer(clock, uplink_bps), bands=bands[:1], active=home, local=home, planned=planned)
    edge.refusals = refusals
    replanning = Replanning(cast(EdgeSession, edge), cast(Offloading, edge), clock)
    for _ in range(requests):
        edge.counters = replace(edge.counters, requests=edge.counters.requests + 1)
        await replanning.look()
        await asyncio.sleep(0)
        clock.advance_s(0.2)
    await replanning.stop()
    return edge.asked


def test_an_edge_that_joined_in_a_bad_moment_leaves_home() -> None:
    """Measured while its host was busy, a link looks too slow for any plan: after some probes it asks once."""
    (asked,) = asyncio.run(after(100, planned=BUSY))
    assert asked.uplink_bps == BUSY.uplink_bps
    assert PROBLEM.link.rtt_s <= asked.rtt_s < BUSY.rtt_s / 1.5


def test_one_whose_server_had_no_time_for_a_plan_asks_again() -> None:
    """A refusal must not count as a plan: who took the link for mended would stay at home for good."""
    first, second = asyncio.run(after(500, planned=BUSY, refusals=1))
    assert first.rtt_s == second.rtt_s < BUSY.rtt_s / 1.5


def test_one_that_joined_while_its_link_was_bad_all_over_leaves_home() -> None:
    """Asking for faster uplinks' plans does not put off what the round trip is asked for: the edge would stay home."""
    asked = asyncio.run(after(100, planned=replace(BUSY, uplink_bps=FAST_BPS / 200, latency_std_s=1e-3)))
    assert len(asked) == 2
    assert PROBLEM.link.rtt_s <= asked[-1].rtt_s < BUSY.rtt_s / 1.5


def test_an_edge_whose_link_is_as_measured_asks_for_nothing() -> None:
    """Probes take as long as the plans say: the server is not asked again and again."""
    assert asyncio.run(after(500, planned=replace(BUSY, rtt_s=PROBLEM.link.rtt_s))) == []


def test_an_edge_whose_way_became_longer_leaves_home() -> None:
    """Every probe of it takes that long, and passes for slow bytes: compared with nothing, it is asked for once."""
    (asked,) = asyncio.run(after(500, planned=replace(BUSY, rtt_s=PROBLEM.link.rtt_s / 8.0)))
    assert asked.uplink_bps == BUSY.uplink_bps
    assert asked.rtt_s == pytest.approx(PROBLEM.link.rtt_s)


def test_an_edge_whose_link_became_slow_stays_at_home() -> None:
    """Where a probe's bytes take longer than nothing does, plans for a longer round trip would help nobody."""
    planned = replace(BUSY, rtt_s=PROBLEM.link.rtt_s)
    assert asyncio.run(after(500, planned=planned, uplink_bps=FAST_BPS / 1000)) == []
