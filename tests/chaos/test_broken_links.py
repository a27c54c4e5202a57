"""Links that break, stall, crawl, fall silent or mangle what they carry, while requests are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulecut_core.ledgers import FallbackReason
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.fault_proxy import CALM, Place, Way, Weather
from tests.chaos.scenario import BACK_S, PERIOD_S, SURELY_LATE_S, Pair, Setting, Stage

UPLINK_BPS = 8e6
"""On which a cut tensor of 6 kB takes some milliseconds."""
SILENT = {FallbackReason.LATE.value, FallbackReason.LOST.value}


@pytest.fixture(name="stage", scope="module")
def _stage(shared: Path, nursery: AgentNursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(shared, nursery, tmp_path_factory.mktemp("links"), Setting(seed=11))
    yield stage
    stage.close()


def test_cut_lines_lose_nothing(stage: Stage) -> None:
    """Connections reset or closed again and again in the middle of requests: each is answered once, by whoever can."""

    async def scene(pair: Pair) -> None:
        for round_ in range(8):
            await pair.app.stream(6, period_s=PERIOD_S)
            await asyncio.sleep(pair.proxy.random.uniform(0.0, PERIOD_S))
            (pair.proxy.cut if round_ % 2 else pair.proxy.hang_up)()
        assert await pair.splits_again() <= BACK_S
        assert not pair.site.history.late(SURELY_LATE_S)

    stage.play(scene)


def test_a_server_that_refuses_for_a_while(stage: Stage) -> None:
    """Nobody listens: the edge answers alone, under its own plan, and goes back to it."""

    async def scene(pair: Pair) -> None:
        pair.proxy.refuse()
        pair.proxy.cut()
        ledgers = await pair.stream(30)
        assert {ledger.served_by for ledger in ledgers} == {"edge"}
        while (await pair.stream(1))[0].epoch != 0:
            await asyncio.sleep(PERIOD_S)
        await pair.proxy.start()
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.value)
def test_a_stalled_way_costs_no_deadline(stage: Stage, way: Way) -> None:
    """One way holds all bytes back, then lets them go: the late answers that then come answer nothing twice."""

    async def scene(pair: Pair) -> None:
        begin = pair.sent
        pair.proxy.set_weather(Weather(stalled=True), way)
        await pair.stream(8)
        assert {ledger.served_by for ledger in pair.ledgers(begin)} == {"edge"}
        assert set(pair.reasons(begin)) <= SILENT
        pair.proxy.set_weather(CALM)
        assert await pair.splits_again() <= BACK_S
        assert not pair.site.history.late(SURELY_LATE_S)

    stage.play(scene)


def test_a_link_that_becomes_100_times_slower(stage: Stage) -> None:
    """Requests that would take seconds on the link are finished by the edge in time; the old speed is used again."""

    async def scene(pair: Pair) -> None:
        pair.proxy.set_weather(Weather(rate_bps=UPLINK_BPS))
        await pair.stream(10)
        pair.proxy.set_weather(Weather(rate_bps=UPLINK_BPS / 100))
        await pair.stream(20)
        assert not pair.site.history.late(SURELY_LATE_S)
        pair.proxy.set_weather(CALM)
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)


def test_a_half_open_line_is_left(stage: Stage) -> None:
    """Bytes vanish and nobody is told: the edge answers in time, and goes on under its plan on another line."""

    async def scene(pair: Pair) -> None:
        (*_, last) = await pair.stream(3)
        begin = pair.sent
        pair.proxy.swallow()
        await pair.stream(8)
        assert {ledger.served_by for ledger in pair.ledgers(begin)[:2]} == {"edge"}
        assert await pair.splits_again() <= BACK_S
        assert pair.proxy.counters.connections >= 2
        assert pair.ledgers(begin)[-1].epoch == last.epoch
        assert not pair.site.history.late(SURELY_LATE_S)

    stage.play(scene)


def test_connections_served_out_of_order(stage: Stage) -> None:
    """A connection that reaches the server after a later one changes nothing."""

    async def scene(pair: Pair) -> None:
        for _ in range(2):
            pair.proxy.reorder()
            pair.proxy.cut()
            await pair.stream(10)
            assert await pair.splits_again(2 * BACK_S) <= 2 * BACK_S

    stage.play(scene)


@pytest.mark.parametrize("place", list(Place), ids=lambda place: place.value)
@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.value)
def test_flipped_bits_make_no_wrong_answer(stage: Stage, way: Way, place: Place) -> None:
    """One bit flipped in a request or an answer, again and again, without TLS: no answer is wrong, none missing."""

    async def scene(pair: Pair) -> None:
        before = pair.proxy.counters.corrupted
        for _ in range(5):
            pair.proxy.corrupt(way, place)
            await pair.stream(2)
            await pair.splits_again()
        assert pair.proxy.counters.corrupted - before == 5

    stage.play(scene)


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.value)
def test_flipped_bits_while_joining_end_no_edge(stage: Stage, way: Way) -> None:
    """Greetings, probes and plans that arrive damaged or unreadable: the edge tries again until one comes through."""

    async def scene(pair: Pair) -> None:
        for pieces in (1, 4, 16):
            pair.proxy.corrupt(way, Place.PAYLOAD, pieces=pieces)
            pair.proxy.cut()
            await pair.stream(10)
            pair.proxy.unspoil()
            await pair.splits_again()

    stage.play(scene)


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.value)
def test_truncated_messages_make_no_wrong_answer(stage: Stage, way: Way) -> None:
    """A line that ends within a message: its request is answered once, from whole tensors."""

    async def scene(pair: Pair) -> None:
        for _ in range(4):
            pair.proxy.truncate(way)
            await pair.stream(4)
        assert pair.proxy.counters.truncated >= 2
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)
