"""An edge notices that its requests no longer take what the plan said, and says why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from joulecut_core.devices import DeviceState, ThrottleReason
from joulecut_core.errors import LinkError
from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import OPTIMAL, Breakdown
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.requests.drift_watch import DriftCounters
from joulecut_planner.drift import Corrections, DriftCause, WatchedPart
from joulecut_proto.planning_messages import StageFactors
from tests.edge.session_parts import HIGH, LINK, LOW, Bench, active_plan
from tests.integration.tiny_network import pictures

PICTURE = pictures(1)[0]
WATCHED_REQUESTS = 40

ON_SERVER = replace(HIGH, core_mhz=1500.0)


def run(use: Callable[[Bench], Awaitable[None]]) -> None:
    """Run a coroutine on a bench of its own."""

    async def within() -> None:
        with Bench() as bench:
            bench.remote.decode_s = 0.0
            await use(bench)

    asyncio.run(within())


async def serve(bench: Bench, count: int = WATCHED_REQUESTS) -> None:
    """Answer some requests and wait for verdicts."""
    for number in range(count):
        await bench.session.infer(f"r{number}", (PICTURE,))
    await bench.session.drift.settle()


def planned(active: ActivePlan, ledger: RequestLedger) -> ActivePlan:
    """The plan as if it had predicted what a request took."""
    seconds = ledger.seconds
    breakdown = Breakdown(
        t_edge=seconds.head,
        encode_s=seconds.encode,
        t_up=seconds.up,
        rtt_s=0.0,
        decode_s=seconds.decode,
        t_server=seconds.tail,
        t_down=seconds.down,
        edge_busy_j=0.0,
        edge_wait_j=0.0,
        encode_j=0.0,
        radio_j=0.0,
        server_busy_j=0.0,
        decode_j=0.0,
        server_idle_j=0.0,
    )
    plan = replace(
        active.plan,
        status=OPTIMAL,
        cut=active.assignment.cut,
        cut_name="a cut",
        codec=active.assignment.codec,
        variant=active.assignment.variant,
        latency_s=seconds.total,
        latency_bound_s=seconds.total,
        energy_j=1.0,
        edge_energy_j=1.0,
        server_energy_j=0.0,
        breakdown=breakdown,
    )
    return replace(active, plan=plan)


async def split(bench: Bench, *, head: float = 1.0) -> None:
    """Put a split plan in force that predicts what its requests take; `head`: measured over predicted there."""
    assert LINK.rtt_s < bench.remote.link_s
    wire = replace(LINK, uplink_bps=1e15, downlink_bps=1e15, rtt_s=bench.remote.link_s)
    active = active_plan(2)
    active = replace(active, assignment=replace(active.assignment, server_clock=ON_SERVER), link=wire)
    await bench.session.switch(active, bench.remote)
    ledger = (await bench.session.infer("first", (PICTURE,))).ledger
    seconds = replace(ledger.seconds, head=ledger.seconds.head / head)
    await bench.session.switch(planned(active, replace(ledger, seconds=seconds)), bench.remote)


def server_state(bench: Bench, throttle: frozenset[ThrottleReason] = frozenset()) -> DeviceState:
    """What a server says that runs at the plan's clock."""
    return replace(bench.device.state(), point=ON_SERVER, throttle=throttle)


@pytest.mark.parametrize("fallback", [False, True])
def test_a_request_that_left_its_plan_says_nothing_of_it(fallback: bool) -> None:
    """What the edge finished by itself, or sent again, took other ways than those that the plan predicts."""

    async def use(bench: Bench) -> None:
        await split(bench)
        drift, ledger = bench.session.drift, (await bench.session.infer("one", (PICTURE,))).ledger
        slow = replace(ledger, fallback=fallback, seconds=replace(ledger.seconds, head=10.0 * ledger.seconds.head))
        for _ in range(WATCHED_REQUESTS):
            drift.watch(bench.session.active, slow, None, None)
        await drift.settle()
        assert (drift.counters == DriftCounters()) is fallback

    run(use)


def test_a_plan_that_holds_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Requests that take what was planned raise nothing, and a single slow one does not either."""

    async def use(bench: Bench) -> None:
        await split(bench)
        await serve(bench)
        bench.remote.tail_s *= 10
        await serve(bench, 1)
        bench.remote.tail_s /= 10
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters()
        assert bench.session.drift.corrections == Corrections()

    with caplog.at_level(logging.INFO, logger="joulecut_edge.requests.drift_watch"):
        run(use)
    assert caplog.messages == []


def test_a_throttled_edge(caplog: pytest.LogCaptureFixture) -> None:
    """A slow head on a device below its clock: one warning with clocks and reason, one count, no refit."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        bench.device.throttle_to(LOW.core_mhz)
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(throttle=1)
        assert bench.session.drift.corrections == Corrections()

    with caplog.at_level(logging.WARNING, logger="joulecut_edge.requests.drift_watch"):
        run(use)
    (line,) = caplog.messages
    assert line.startswith("drift: head takes 1.5")
    assert line.endswith("throttled (at 100/1000 MHz of 400/1000 MHz, hardware)")


def test_a_wrong_table() -> None:
    """The same slow head at its clock is the model's error, and the correction says by how much, at which clock."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(model=1)
        (correction,) = bench.session.drift.corrections.edge
        assert correction.point == HIGH
        assert correction.factor == pytest.approx(1.5)

    run(use)


@pytest.mark.parametrize(
    ("throttle", "counters"),
    [
        (frozenset[ThrottleReason](), DriftCounters(model=1)),
        (frozenset({ThrottleReason.POWER_CAP}), DriftCounters(throttle=1)),
    ],
)
def test_the_server_is_asked_about_its_tail(throttle: frozenset[ThrottleReason], counters: DriftCounters) -> None:
    """For a slow tail the server's clock decides, not the edge's, which is throttled here."""

    async def use(bench: Bench) -> None:
        await split(bench)
        await serve(bench)
        bench.remote.state = server_state(bench, throttle)
        bench.device.throttle_to(LOW.core_mhz)
        bench.remote.tail_s *= 1.3
        await serve(bench)
        assert bench.session.drift.counters == counters

    run(use)


def test_a_server_that_does_not_tell() -> None:
    """A drift without a reading of its device is taken for the model's: the answer to it is to measure again."""

    async def use(bench: Bench) -> None:
        await split(bench)
        await serve(bench)
        bench.remote.tail_s *= 2
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(model=1)
        (correction,) = bench.session.drift.corrections.server
        assert correction.point == ON_SERVER
        assert correction.factor == pytest.approx(2.0)

    run(use)


def test_what_one_server_takes_says_nothing_of_another() -> None:
    """A second server under the same choice and over the same link is watched from nothing on."""

    async def use(bench: Bench) -> None:
        await split(bench)
        first = replace(bench.session.active, server="first")
        await bench.session.switch(first, bench.remote)
        await serve(bench)
        bench.remote.tail_s *= 2
        await serve(bench)
        assert bench.session.drift.corrections_of(first).server
        second = replace(first, server="second")
        await bench.session.switch(second, bench.remote)
        assert bench.session.drift.corrections_of(second) == Corrections()

    run(use)


def test_another_link(caplog: pytest.LogCaptureFixture) -> None:
    """A slower crossing is the link's, measured against the bytes that really crossed; its end is no alarm."""

    async def use(bench: Bench) -> None:
        await split(bench)
        await serve(bench)
        bench.remote.link_s *= 3
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(link=1)
        assert bench.session.drift.corrections.link == pytest.approx(3.0)
        bench.remote.link_s /= 3
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(link=1)
        assert bench.session.drift.corrections == Corrections()

    with caplog.at_level(logging.DEBUG, logger="joulecut_edge.requests.drift_watch"):
        run(use)
    warned, over = caplog.messages
    assert warned.startswith("drift: link takes 3.00 times its predicted seconds, 1.00 before")
    assert over.startswith("drift over: link takes 1.00 times its predicted seconds, 3.00 before")


@pytest.mark.parametrize(
    ("stage", "is_followed", "lines"), [("link_s", False, 1), ("link_s", True, 0), ("tail_s", True, 2)]
)
def test_what_comes_and_goes_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, *, stage: str, is_followed: bool, lines: int
) -> None:
    """Each drift is counted; at most one a minute is a line, with its end, and none where plans follow the link."""

    async def use(bench: Bench) -> None:
        bench.session.drift.link_is_followed = is_followed
        await split(bench)
        await serve(bench)
        for factor in (3.0, 1 / 3, 3.0, 1 / 3):
            setattr(bench.remote, stage, getattr(bench.remote, stage) * factor)
            await serve(bench)
        counters = bench.session.drift.counters
        assert counters.link + counters.model == 2

    with caplog.at_level(logging.INFO, logger="joulecut_edge.requests.drift_watch"):
        run(use)
    assert len(caplog.messages) == lines


def test_an_edge_alone_is_watched_too() -> None:
    """Without a server the local plan's prediction counts."""

    async def use(bench: Bench) -> None:
        alone = active_plan(None, edge_clock=HIGH)
        await bench.session.switch(alone, None)
        ledger = (await bench.session.infer("first", (PICTURE,))).ledger
        seconds = replace(ledger.seconds, head=ledger.seconds.head / 2)
        await bench.session.switch(planned(alone, replace(ledger, seconds=seconds)), None)
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(model=1)
        (correction,) = bench.session.drift.corrections.edge
        assert correction.point == HIGH
        assert correction.factor == pytest.approx(2.0)

    run(use)


def test_what_is_wrong_for_good_is_signalled() -> None:
    """Wrong tables call for another plan, a throttled device does not; verdicts are counted by part and cause."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        bench.device.throttle_to(LOW.core_mhz)
        await serve(bench)
        drift = bench.session.drift
        assert drift.verdicts == {(WatchedPart.HEAD, DriftCause.THROTTLED): 1}
        assert not drift.lasting.is_set()
        bench.remote.tail_s *= 2
        await serve(bench)
        assert drift.verdicts[WatchedPart.TAIL, DriftCause.MODEL_ERROR] == 1
        assert drift.lasting.is_set()
        assert drift.levels[WatchedPart.TAIL] == pytest.approx(2.0)
        assert drift.levels[WatchedPart.LINK] == pytest.approx(1.0)

    run(use)


def test_a_corrected_plan_starts_anew() -> None:
    """Of a plan made with other factors, or another link, nothing is known before its first request."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        await serve(bench)
        active, drift = bench.session.active, bench.session.drift
        assert drift.corrections_of(active) == drift.corrections != Corrections()
        corrected = replace(active, factors=StageFactors(head=1.5))
        assert drift.corrections_of(corrected) == Corrections()
        await bench.session.switch(corrected, bench.remote)
        await serve(bench, 1)
        assert drift.corrections_of(corrected) == Corrections()
        assert drift.corrections_of(active) == Corrections()

    run(use)


def test_requests_that_lost_their_server_say_nothing() -> None:
    """A fallback's head is the whole network: no drift of the plan that wanted a part of it."""

    async def use(bench: Bench) -> None:
        await split(bench)
        bench.remote.failure = LinkError("gone")
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters()

    run(use)


def test_another_plan_starts_anew() -> None:
    """What was found at one clock is not held against another; the same choice under a new epoch goes on."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        await serve(bench)
        active = bench.session.active
        again = replace(active, assignment=replace(active.assignment, epoch=active.assignment.epoch + 1))
        await bench.session.switch(again, bench.remote)
        await serve(bench)
        assert bench.session.drift.counters == DriftCounters(model=1)
        assert len(bench.session.drift.corrections.edge) == 1
        other = replace(active, assignment=replace(active.assignment, edge_clock=LOW))
        await bench.session.switch(other, bench.remote)
        await serve(bench, 1)
        assert bench.session.drift.corrections == Corrections()

    run(use)


def test_late_answers_of_an_old_plan_are_passed_over() -> None:
    """A request that ends after a switch is not compared, and does not throw away what is known of the new plan."""

    async def use(bench: Bench) -> None:
        await split(bench, head=1.5)
        await serve(bench)
        bench.remote.reached, gate = asyncio.Event(), asyncio.Event()
        bench.remote.may_answer = gate
        late = asyncio.create_task(bench.session.infer("late", (PICTURE,)))
        await bench.remote.reached.wait()
        bench.remote.may_answer = None
        active = bench.session.active
        again = replace(active, assignment=replace(active.assignment, epoch=active.assignment.epoch + 1, cut=1))
        await bench.session.switch(again, bench.remote)
        bench.remote.tail_s *= 2
        await serve(bench)
        known = bench.session.drift.corrections
        assert known.server
        gate.set()
        await late
        assert bench.session.drift.corrections == known

    run(use)
