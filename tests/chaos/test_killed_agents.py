"""Agents that are killed or paused while requests are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulecut_core.ledgers import FallbackReason
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.scenario import BACK_S, DEADLINE_S, PERIOD_S, SURELY_LATE_S, Pair, Setting, Stage

BURST = 4
FREED_S = 60.0
SOON_S = 5.0
"""Within which an edge offloads again after most kills: what is asked for of each, on a host that has time for it."""


@pytest.fixture(name="stage", scope="module")
def _stage(shared: Path, nursery: AgentNursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(shared, nursery, tmp_path_factory.mktemp("agents"), Setting(seed=1))
    yield stage
    stage.close()


def test_a_killed_server_loses_nothing(stage: Stage) -> None:
    """Requests under way at kill -9 are answered by the edge, most in time; the server's return is used soon."""

    async def scene(pair: Pair) -> None:
        history, backs_s, taken = pair.site.history, list[float](), set[int]()
        for _ in range(2):
            await pair.splits_again()
            begin = pair.sent
            for _ in range(BURST):
                pair.app.send()
            await asyncio.sleep(PERIOD_S / 2)
            pair.server.kill()
            await pair.stream(10)
            ledgers = pair.ledgers(begin)
            taken |= {begin + k for k, ledger in enumerate(ledgers) if ledger.fallback and ledger.attempts}
            assert {ledger.served_by for ledger in ledgers} <= {"edge", "split"}
            assert ledgers[-1].served_by == "edge"
            await pair.server.start()
            backs_s.append(await pair.splits_again())
        assert min(backs_s) <= SOON_S
        assert not history.late(SURELY_LATE_S)
        late = taken & {each.number for each in history.late(DEADLINE_S)}
        assert len(late) <= len(taken) / 2

    stage.play(scene)


def test_a_killed_edge_frees_its_session_and_the_servers_clock(stage: Stage) -> None:
    """kill -9 of the only edge: the server's clock is free within seconds; a new life of the edge answers as before."""

    async def scene(pair: Pair) -> None:
        await pair.splits_again()
        assert (await pair.server_state()).leased is not None
        begin = pair.sent
        for _ in range(BURST):
            pair.app.send()
        await asyncio.sleep(PERIOD_S / 2)
        pair.edge.kill()
        await pair.app.settle()
        pair.excused |= set(range(begin, pair.sent))
        loop = asyncio.get_running_loop()
        killed_s = loop.time()
        while (await pair.server_state()).leased is not None:
            assert loop.time() - killed_s < FREED_S, "the server still holds the clock for a dead edge"
            await asyncio.sleep(PERIOD_S)
        await pair.restart_edge()
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)


def test_a_paused_server_costs_no_deadline(stage: Stage) -> None:
    """SIGSTOP: the server is silent, not gone. The edge answers by the deadline, and offloads after SIGCONT."""

    async def scene(pair: Pair) -> None:
        await pair.stream(5)
        begin = pair.sent
        pair.server.pause()
        await pair.stream(20)
        reasons = pair.reasons(begin)
        assert all(ledger.served_by == "edge" for ledger in pair.ledgers(begin))
        assert set(reasons) <= {FallbackReason.LATE.value, FallbackReason.LOST.value}
        assert not pair.site.history.late(SURELY_LATE_S)
        pair.server.resume()
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)


def test_a_paused_edge_goes_on_where_it_was(stage: Stage) -> None:
    """SIGSTOP of the edge for a second with requests under way: all are answered once after SIGCONT."""

    async def scene(pair: Pair) -> None:
        for _ in range(BURST):
            pair.app.send()
        await asyncio.sleep(PERIOD_S / 2)
        pair.edge.pause()
        for _ in range(BURST):
            pair.app.send()
        await asyncio.sleep(1.0)
        pair.edge.resume()
        await pair.app.settle()
        assert await pair.splits_again() <= BACK_S

    stage.play(scene)
