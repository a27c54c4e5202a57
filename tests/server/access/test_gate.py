"""The guards of the services: each rule, seen from its caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from joulecut_core.errors import AccessError, ContractError
from joulecut_core.timing import ManualClock
from joulecut_proto.agent_messages import Echo, Hello, Side
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_proto.security.identity import Role
from joulecut_proto.services import AgentService
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.access import guarded_inference
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.options import EdgeRule
from tests.proto.fake_services import PROFILE, FakeAgent, FakePlanner, FakeSolver
from tests.server.access.callers import BOSS, CAM, NAMES, OTHER, PLAIN, REQUEST, TINY, TRUCK, caller, gate

HELLO = Hello(contract_version=CONTRACT_VERSION, name="cam", side=Side.EDGE)
HEADER = RequestHeader(
    session_id="edge-1", request_id="r", epoch=1, network_digest=TINY, cut=0, codec="raw", variant="fp32"
)
OTHERS_NETWORK = EdgeRule(networks=("other",))


class Streams:
    """An InferenceService that keeps streams open until it is told otherwise, and their screens."""

    def __init__(self) -> None:
        self.streams: list[InferenceServerStream] = []
        self.end = asyncio.Event()

    async def serve(self, stream: InferenceServerStream) -> None:
        self.streams.append(stream)
        await self.end.wait()

    def refusal(self, header: RequestHeader) -> ReplyHeader | None:
        """What is answered to a request on the last stream."""
        screen = self.streams[-1].screen
        assert screen is not None
        return screen(header)


class WaitedClock(ManualClock):
    """Remembers what is waited for: no time at all on the wall, where it passes here."""

    waited_s = 0.0

    def wall_s(self, duration_s: float) -> float:
        self.waited_s += duration_s
        self.advance_s(duration_s)
        return 0.0


def stream() -> InferenceServerStream:
    """A stream on which nothing comes."""

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield

    async def write(_: bytes) -> None:
        raise AssertionError

    return InferenceServerStream(nothing(), write)


async def refusals(each: AccessGate, *headers: RequestHeader) -> list[ReplyHeader | None]:
    """What a stream of `CAM` is answered to these requests, one after the other."""
    service = Streams()
    serving = asyncio.create_task(each.guards.inference(service, CAM).serve(stream()))
    while not service.streams:
        await asyncio.sleep(0)
    found = [service.refusal(header) for header in headers]
    service.end.set()
    await serving
    return found


def test_hello_shows_the_callers_networks() -> None:
    """What an edge may not use it need not know of."""
    for rule, expected in ((EdgeRule(), ["tiny"]), (OTHERS_NETWORK, [])):
        reply = asyncio.run(gate(rule).guards.agent(FakeAgent(), CAM).hello(HELLO))
        assert [network.name for network in reply.networks] == expected


def test_profiles_and_bundles_are_for_their_edges() -> None:
    """A network's weights are what a site may want to keep to some of its edges."""

    async def fetched(each: AccessGate) -> int:
        return len([chunk async for chunk in each.guards.agent(FakeAgent(), CAM).bundle(TINY, {})])

    assert asyncio.run(fetched(gate())) == 3
    for rule, complaint in ((EdgeRule(bundles=False), "may not fetch bundles"), (OTHERS_NETWORK, "not among those")):
        with pytest.raises(AccessError, match=complaint):
            asyncio.run(fetched(gate(rule)))
    with pytest.raises(AccessError, match="not among those"):
        asyncio.run(gate(OTHERS_NETWORK).guards.agent(FakeAgent(), CAM).profile(TINY))


def test_echoes_are_slowed_down_not_refused() -> None:
    """Probing a link costs the server bytes: nobody gets more than a hundred a second for long."""
    for who, waited_s in ((CAM, 2.01), (PLAIN, 0.0)):
        clock = WaitedClock()
        agent = gate(clock=clock).guards.agent(FakeAgent(), who)

        async def run(agent: AgentService) -> None:
            for _ in range(301):
                assert (await agent.echo(Echo(payload=b"", reply_bytes=1))).payload == bytes(1)

        asyncio.run(run(agent))
        assert clock.waited_s == pytest.approx(waited_s)


def test_planning_is_for_ones_own_networks() -> None:
    """Both digests of a request count: the one that is planned for and the one that requests are checked against."""
    planner = FakePlanner()
    asyncio.run(gate(EdgeRule(networks=("tiny",))).guards.planner(planner, CAM).plan_session(REQUEST))
    assert planner.requests == [REQUEST]
    foreign = replace(REQUEST, edge=replace(PROFILE, key=replace(PROFILE.key, network_digest=OTHER)))
    for rule, request in ((OTHERS_NETWORK, REQUEST), (EdgeRule(networks=("tiny",)), foreign)):
        with pytest.raises(AccessError, match="is not among those of"):
            asyncio.run(gate(rule).guards.planner(planner, CAM).plan_session(request))
    assert planner.requests == [REQUEST]


def test_sessions_of_others_are_out_of_reach() -> None:
    """Neither planned for, nor activated, nor ended, nor sent requests under: its owner would not notice why."""
    planner, each = FakePlanner(), gate()

    async def run() -> None:
        mine, theirs = each.guards.planner(planner, CAM), each.guards.planner(planner, TRUCK)
        await theirs.plan_session(REQUEST)
        with pytest.raises(AccessError, match="started by another"):
            await mine.plan_session(REQUEST)
        with pytest.raises(AccessError, match="started by another"):
            await mine.plan_session(replace(REQUEST, preview=True))
        with pytest.raises(AccessError, match="started by another"):
            await mine.activate("edge-1", 1)
        with pytest.raises(AccessError, match="started by another"):
            await mine.release("edge-1")
        [refusal] = await refusals(each, HEADER)
        assert refusal is not None
        assert (refusal.status, refusal.request_id) == (ReplyStatus.INVALID, "r")
        assert "started by another" in refusal.message
        assert await theirs.activate("edge-1", 1) is not None
        await theirs.release("edge-1")

    asyncio.run(run())
    assert (len(planner.requests), planner.released) == (1, ["edge-1"])


def test_unknown_sessions_plan_again() -> None:
    """As after a restart of the server: the edge joins again by itself."""
    each = gate()

    async def run() -> None:
        planner = each.guards.planner(FakePlanner(), CAM)
        with pytest.raises(ContractError, match="plan again"):
            await planner.activate("edge-1", 1)
        await planner.release("edge-1")
        [refusal] = await refusals(each, HEADER)
        assert refusal is not None
        assert (refusal.status, refusal.current_epoch) == (ReplyStatus.STALE, 0)

    asyncio.run(run())


def test_a_preview_starts_nothing() -> None:
    """Looking at a plan takes no session."""
    each = gate()
    asyncio.run(each.guards.planner(FakePlanner(), CAM).plan_session(replace(REQUEST, preview=True)))
    assert len(each.owners) == 0


def test_sessions_beyond_the_number_are_released() -> None:
    """The server forgets them with their clocks."""
    planner, each = FakePlanner(), gate(EdgeRule(sessions=1))

    async def run() -> None:
        for number in range(3):
            await each.guards.planner(planner, CAM).plan_session(replace(REQUEST, session_id=f"edge-{number}"))

    asyncio.run(run())
    assert planner.released == ["edge-0", "edge-1"]


def test_a_session_whose_edge_left_is_nobodys() -> None:
    """What the server ends by itself is forgotten here too."""
    planner, each = FakePlanner(), gate()

    async def run() -> None:
        await each.guards.planner(planner, CAM).plan_session(REQUEST)
        await each.ending(planner.release)("edge-1")

    asyncio.run(run())
    assert (len(each.owners), planner.released) == (0, ["edge-1"])


def test_whose_wishes_move_the_clock() -> None:
    """An edge that may not has its plan and its answers; the clock stays the others' business."""
    each = gate(EdgeRule(names=("cam",), clock=False), EdgeRule())

    async def run() -> None:
        await each.guards.planner(FakePlanner(), CAM).plan_session(REQUEST)
        await each.guards.planner(FakePlanner(), TRUCK).plan_session(replace(REQUEST, session_id="edge-2"))

    asyncio.run(run())
    assert [each.may_wish(session_id) for session_id in ("edge-1", "edge-2", "nobodys")] == [False, True, False]
    anybody = AccessGate(ManualClock(), NAMES.get, options=None, secured=False, site=None)
    assert anybody.may_wish("plain")


def test_an_owner_has_one_share_however_many_sessions() -> None:
    """More sessions of one certificate are no more of the device's time; without certificates each has its own."""
    each = gate()

    async def run() -> None:
        for session_id in ("a", "b"):
            await each.guards.planner(FakePlanner(), CAM).plan_session(replace(REQUEST, session_id=session_id))

    asyncio.run(run())
    assert each.share_of("a") == each.share_of("b") == str(CAM.identity)
    assert each.share_of("plain") == "plain"


def test_problems_are_solved_for_whom_the_rules_say() -> None:
    """The solver is the server's dearest service; by rate as well."""
    clock = ManualClock()
    solver = FakeSolver()
    with pytest.raises(AccessError, match="may not have problems solved"):
        gate(EdgeRule(solver=False)).guards.solver(solver, CAM)
    each = gate(EdgeRule(plan_hz=1.0), clock=clock)
    assert each.guards.solver(solver, CAM) is solver
    with pytest.raises(PlannerBusyError, match=r"1 problems a second .* 1\.000 s"):
        each.guards.solver(solver, CAM)
    assert each.guards.solver(solver, BOSS) is solver


def test_requests_have_a_rate() -> None:
    """Beyond it they are turned away with the time to wait, which the edge heeds, before their tensors are taken."""
    clock = ManualClock()
    each = gate(EdgeRule(rate_hz=2.0), clock=clock)

    async def run() -> None:
        await each.guards.planner(FakePlanner(), CAM).plan_session(REQUEST)
        found = await refusals(each, HEADER, HEADER, HEADER)
        assert found[:2] == [None, None]
        assert found[2] is not None
        assert (found[2].status, found[2].retry_after_s) == (ReplyStatus.OVERLOADED, 0.5)
        clock.sleep_until_s(0.5)
        # Another stream of the same identity has the same bucket.
        assert [reply is None for reply in await refusals(each, HEADER, HEADER)] == [True, False]

    asyncio.run(run())


def test_requests_for_other_networks_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """By their header; the log has it once for a stream."""
    caplog.set_level(logging.WARNING)
    each = gate(EdgeRule(networks=("tiny",)))

    async def run() -> None:
        await each.guards.planner(FakePlanner(), CAM).plan_session(REQUEST)
        stranger = replace(HEADER, network_digest=OTHER)
        for refusal in await refusals(each, stranger, stranger):
            assert refusal is not None
            assert refusal.status is ReplyStatus.INVALID
            assert "not among those of spiffe://lab/edge/cam" in refusal.message

    asyncio.run(run())
    assert caplog.text.count("not among those of") == 1


def test_a_stream_for_each_denied_request_fills_no_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All streams together have sixty lines a minute."""
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(guarded_inference, "_LINES", LogLimit(logging.getLogger(guarded_inference.__name__)))
    each = gate(EdgeRule(networks=("tiny",)))

    async def run() -> None:
        await each.guards.planner(FakePlanner(), CAM).plan_session(REQUEST)
        for _ in range(100):
            await refusals(each, replace(HEADER, network_digest=OTHER))

    asyncio.run(run())
    assert caplog.text.count("not among those of") == 60


def test_streams_have_a_number() -> None:
    """Many connections are no way around what one may have; a stream that ends makes room."""
    each = gate(EdgeRule(streams=1))

    async def run() -> None:
        service = Streams()
        first = asyncio.create_task(each.guards.inference(service, CAM).serve(stream()))
        while not service.streams:
            await asyncio.sleep(0)
        with pytest.raises(StreamRefusedError, match="1 streams open, as many as it may"):
            await each.guards.inference(service, CAM).serve(stream())
        service.end.set()
        await first
        await each.guards.inference(service, CAM).serve(stream())
        assert not each._streams._by_owner, "who has left is not remembered"
        assert len(each._streams) == 0, "nor are streams that have ended"

    asyncio.run(run())


def test_a_stream_says_nothing_of_anothers_session() -> None:
    """Whoever announces it: neither does it keep the session, nor end it."""
    each = gate()

    async def run() -> None:
        await each.guards.planner(FakePlanner(), TRUCK).plan_session(REQUEST)
        await each.guards.planner(FakePlanner(), CAM).plan_session(replace(REQUEST, session_id="own"))
        service = Streams()
        serving = asyncio.create_task(each.guards.inference(service, CAM).serve(stream()))
        while not service.streams:
            await asyncio.sleep(0)
        speaks_for = service.streams[0].speaks_for
        assert [speaks_for(session_id) for session_id in ("edge-1", "own", "not yet")] == [False, True, True]
        assert service.streams[0].owner == str(CAM.identity)
        service.end.set()
        await serving

    asyncio.run(run())


def test_another_sites_identities_are_refused() -> None:
    """An authority may be shared by sites: names are this one's only with its own name before them."""
    stranger = caller("cam", site="plant")
    with pytest.raises(AccessError, match=r"is of site plant; this server is of lab: see \[access\] sites"):
        gate().guards.agent(FakeAgent(), stranger)
    with pytest.raises(AccessError, match="is of site plant"):
        gate().guards.planner(FakePlanner(), caller("boss", Role.OPERATOR, site="plant"))


def test_operators_run_no_requests() -> None:
    """They look and plan."""
    each = gate()
    with pytest.raises(AccessError, match="may not run requests"):
        each.guards.inference(Streams(), BOSS)
    each.guards.agent(FakeAgent(), BOSS)
    each.guards.planner(FakePlanner(), BOSS)
    each.guards.solver(FakeSolver(), BOSS)


def test_every_guard_refuses_who_fits_no_rule() -> None:
    """No service is forgotten."""
    each = gate(EdgeRule(names=("truck",)))
    for who in (CAM, caller("gpu", Role.SERVER)):
        with pytest.raises(AccessError):
            each.guards.agent(FakeAgent(), who)
        with pytest.raises(AccessError):
            each.guards.planner(FakePlanner(), who)
        with pytest.raises(AccessError):
            each.guards.solver(FakeSolver(), who)
        with pytest.raises(AccessError):
            each.guards.inference(Streams(), who)


def test_callers_of_this_host_are_not_screened() -> None:
    """Without TLS all is as it was: one user, one host."""
    each = gate()

    async def run() -> None:
        service = Streams()
        service.end.set()
        await each.guards.inference(service, PLAIN).serve(stream())
        assert service.streams[0].screen is None
        planner = each.guards.planner(FakePlanner(), PLAIN)
        await planner.plan_session(REQUEST)
        assert await planner.activate("edge-1", 1) is not None
        with pytest.raises(ContractError, match="session id"):
            await planner.plan_session(replace(REQUEST, session_id="a b"))

    asyncio.run(run())
