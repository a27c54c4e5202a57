"""Other rules while a server runs: what they say of sessions and streams that are open already."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import AccessError
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.security.callers import Caller
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.access.revoking import RulesInForce
from joulecut_server.limits import Limits
from tests.proto.fake_services import FakePlanner
from tests.server import parts
from tests.server.access.callers import CAM, REQUEST, TRUCK, caller, gate
from tests.server.access.test_gate import HEADER, Streams, stream

EVERYBODY = AccessOptions(edges=(EdgeRule(),))
ONLY_TRUCKS = AccessOptions(edges=(EdgeRule(names=("truck",)),))


async def plan(each: AccessGate, who: Caller, session_id: str = "edge-1") -> None:
    """A session of somebody's."""
    await each.guards.planner(FakePlanner(), who).plan_session(replace(REQUEST, session_id=session_id))


@asynccontextmanager
async def opened(each: AccessGate, who: Caller, announced: str | None = None) -> AsyncIterator[InferenceServerStream]:
    """A stream of somebody's, open inside the context."""
    service, one = Streams(), stream()
    one.session_id = announced
    serving = asyncio.create_task(each.guards.inference(service, who).serve(one))
    while not service.streams:
        await asyncio.sleep(0)
    yield one
    service.end.set()
    await serving


def asked(one: InferenceServerStream) -> str:
    """What a stream's next request is refused with; empty where it is not."""
    assert one.screen is not None
    refusal = one.screen(HEADER)
    return "" if refusal is None else f"{refusal.status.value}: {refusal.message}"


def test_who_is_named_no_more_loses_everything() -> None:
    """Its sessions and its stream end with the rule's name; those of others are not touched, nor are they asked."""
    each = gate(EdgeRule())

    async def run() -> None:
        await plan(each, CAM)
        await plan(each, TRUCK, "edge-2")
        async with opened(each, CAM) as mine, opened(each, TRUCK):
            revoked = each.change(ONLY_TRUCKS)
            assert list(revoked.streams) == [mine]
            assert list(revoked.sessions) == ["edge-1"]
            for reason in (revoked.streams[mine], revoked.sessions["edge-1"]):
                assert "no rule of [[access.edges]] names spiffe://lab/edge/cam" in str(reason)
        with pytest.raises(AccessError, match="no rule"):
            await plan(each, CAM)
        await plan(each, TRUCK, "edge-2")

    asyncio.run(run())
    assert len(each.owners) == 1


def test_a_site_that_is_named_no_more_loses_everything() -> None:
    """Rules that name its edges by themselves keep nothing open: they are this site's."""
    each, guest = gate(EdgeRule()), caller("cam", site="plant")
    each.change(AccessOptions(edges=(EdgeRule(),), sites=("plant",)))

    async def run() -> None:
        await plan(each, guest)
        async with opened(each, guest) as theirs, opened(each, CAM):
            revoked = each.change(EVERYBODY)
            assert (list(revoked.streams), list(revoked.sessions)) == ([theirs], ["edge-1"])
            for reason in (revoked.streams[theirs], revoked.sessions["edge-1"]):
                assert "is of site plant; this server is of lab" in str(reason)

    asyncio.run(run())


def test_a_network_that_is_taken_away_ends_its_sessions() -> None:
    """With the stream that was opened for one of them; a stream for another network goes on."""
    each = gate(EdgeRule())

    async def run() -> None:
        await plan(each, CAM)
        async with opened(each, CAM, "edge-1") as mine, opened(each, CAM):
            revoked = each.change(AccessOptions(edges=(EdgeRule(networks=("other",)),)))
            assert list(revoked.streams) == [mine]
            assert list(revoked.sessions) == ["edge-1"]
            assert "network sha256:00 is not among those of spiffe://lab/edge/cam" in str(revoked.streams[mine])

    asyncio.run(run())


def test_a_lower_number_of_sessions_ends_the_longest_silent() -> None:
    """As one more session would; the newest are those that are in use."""
    each = gate(EdgeRule())

    async def run() -> None:
        for number in range(3):
            await plan(each, CAM, f"edge-{number}")

    asyncio.run(run())
    revoked = each.change(AccessOptions(edges=(EdgeRule(sessions=1),)))
    assert sorted(revoked.sessions) == ["edge-0", "edge-1"]
    assert "may have 1 sessions" in str(revoked.sessions["edge-0"])


def test_other_rates_hold_for_open_streams() -> None:
    """A stream stays open for an hour: its requests go by the rules of now, not by those when it was opened."""
    each = gate(EdgeRule())

    async def run() -> None:
        await plan(each, CAM)
        async with opened(each, CAM, "edge-1") as mine:
            assert asked(mine) == asked(mine) == ""
            assert each.change(AccessOptions(edges=(EdgeRule(rate_hz=1.0),))).streams == {}
            assert asked(mine) == ""
            assert asked(mine).startswith(f"{ReplyStatus.OVERLOADED.value}: spiffe://lab/edge/cam may send 1 requests")
            each.change(EVERYBODY)
            assert asked(mine) == ""

    asyncio.run(run())


def test_a_say_about_the_clock_is_given_and_taken() -> None:
    """Whoever carries the rules out learns whose wishes to ask for again."""
    each = gate(EdgeRule())

    async def run() -> None:
        await plan(each, CAM)
        await plan(each, TRUCK, "edge-2")

    asyncio.run(run())
    fixed = AccessOptions(edges=(EdgeRule(names=("cam",), clock=False), EdgeRule()))
    assert each.change(fixed).moved == ("edge-1",)
    assert (each.may_wish("edge-1"), each.may_wish("edge-2")) == (False, True)
    assert each.change(fixed).moved == ()
    assert each.change(None).moved == ("edge-1",)


def test_the_number_of_streams_counts_those_that_are_open() -> None:
    """None of them is ended: a lower number holds for the next one."""
    each = gate(EdgeRule())

    async def run() -> None:
        async with opened(each, CAM):
            assert each.change(AccessOptions(edges=(EdgeRule(streams=1),))).streams == {}
            with pytest.raises(StreamRefusedError, match="1 streams open"):
                await each.guards.inference(Streams(), CAM).serve(stream())
        async with opened(each, CAM):
            pass

    asyncio.run(run())


def test_rules_that_change_while_a_plan_is_asked_for() -> None:
    """A session is claimed by the rules of that moment, not by those when its call came in."""
    each = gate(EdgeRule())
    planner = each.guards.planner(FakePlanner(), CAM)
    each.change(ONLY_TRUCKS)
    uses: tuple[Callable[[], object], ...] = (
        planner.check_rate,
        lambda: asyncio.run(planner.plan_session(REQUEST)),
        lambda: asyncio.run(planner.activate("edge-1", 1)),
    )
    for use in uses:
        with pytest.raises(AccessError, match="no rule"):
            use()
    assert len(each.owners) == 0


def test_nobody_goes_before_others_by_itself() -> None:
    """A rule without `priority` lets an edge wait longer, never shorter; without rules it is taken at its word."""

    async def run(each: AccessGate) -> list[int]:
        await plan(each, CAM)
        return [each.priority_of("edge-1", asked) for asked in (-3, 0, 1, 9)]

    assert asyncio.run(run(gate(EdgeRule()))) == [-3, 0, 0, 0]
    assert asyncio.run(run(gate(EdgeRule(priority=5)))) == [-3, 0, 1, 5]
    assert asyncio.run(run(gate())) == [-3, 0, 1, 9]


def test_plans_are_made_under_other_limits_too(tmp_path: Path) -> None:
    """Whose requests have become too large is given another plan, not the same again."""

    async def use(inside: parts.Parts, _: parts.Talk) -> None:
        planning = inside.planning
        rules = RulesInForce(gate(EdgeRule()), planning, inside.session_clocks, inside.inference)
        assert (await planning.plan_session(parts.REQUEST)).assignment is not None
        await rules.apply(None, Limits(stream_tensor_bytes=1))
        assert (await planning.plan_session(parts.REQUEST)).assignment is None

    parts.with_parts(tmp_path, use)


def test_a_device_that_hangs_keeps_no_rules_from_being_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is revoked is revoked, one after another; their clocks are given back once the device answers."""

    async def use(inside: parts.Parts, _: parts.Talk) -> None:
        each, hangs = gate(EdgeRule()), threading.Event()
        rules = RulesInForce(each, inside.planning, inside.session_clocks, inside.inference, clocks_s=0.01)
        await plan(each, CAM)
        await plan(each, TRUCK, "edge-2")
        hanging = inside.worker.run(lambda: hangs.wait(20.0))
        assert await rules.apply(ONLY_TRUCKS, Limits()) == 1
        assert await rules.apply(AccessOptions(edges=(EdgeRule(names=("nobody",)),)), Limits()) == 1
        assert caplog.messages[-1] == "the device does not answer: clocks follow the rules once it does"
        hangs.set()
        assert (await hanging).result
        await inside.worker.run(lambda: None)
        assert inside.worker.waiting == 0

    parts.with_parts(tmp_path, use)
