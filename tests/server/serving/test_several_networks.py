"""Several networks on one device: the most urgent goes first, and nobody waits behind it for nothing."""

from __future__ import annotations

import asyncio

import pytest
import torch

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from tests.integration.tiny_network import pictures, tiny_network
from tests.planner.serving.scripted import Eager
from tests.server.serving.stage import Collecting, Gated, OnStage, another_network, on_stage, service_table

TABLE = service_table()


def gated(stage: OnStage, lane: int = 0) -> Gated:
    runner = stage.lanes[lane].runner
    assert isinstance(runner, Gated)
    return runner


class Counting(Eager):
    """Remembers of whom it was told."""

    def __init__(self, table: ServiceTable) -> None:
        super().__init__(table)
        self.told: list[int] = []

    def arrived(self, request: QueuedRequest) -> None:
        self.told.append(request.id)


def test_two_networks_share_a_device_by_urgency() -> None:
    """The network whose request is due first runs first."""
    first, second = Collecting(TABLE, 9, most=1), Collecting(TABLE, 9, most=1)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        order: list[str] = []

        async def asked(name: str, budget_s: float, digest: str) -> None:
            await stage.ask(picture, budget_s=budget_s, digest=digest)
            order.append(name)

        other = another_network().table.digest
        mine = tiny_network().table.digest
        tasks = [
            asyncio.create_task(asked(*request))
            for request in (("mine", 5.0, mine), ("other", 3.0, other), ("mine again", 2.0, mine))
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.least = second.least = 1
        await asyncio.gather(stage.ask(picture, budget_s=9.0), *tasks)
        assert order == ["mine again", "other", "mine"]

    on_stage(use, first, second)


def test_who_waits_behind_another_network_is_refused_before_it_is_late() -> None:
    """As long as one network has more urgent requests, the other's policy is not asked; nobody waits for nothing."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        urgent = [stage.ask(picture, edge=f"urgent {k}", priority=1) for k in range(3)]
        await gated(stage).begun.get()
        passed_over = stage.ask(picture, budget_s=0.2, digest=another_network().table.digest)
        in_time = stage.ask(picture, digest=another_network().table.digest)
        await asyncio.sleep(0)
        stage.clock.advance_s(0.3)
        gated(stage).go.release()
        with pytest.raises(TurnedAwayError, match="more urgent requests") as refused:
            await passed_over
        assert refused.value.status is ReplyStatus.OVERLOADED
        assert not all(asked.done() for asked in urgent)
        for lane in (0, 1):
            for _ in range(3):
                gated(stage, lane).go.release()
        answer = (await in_time).outputs[0]
        assert torch.allclose(answer, tiny_network().whole((picture,))[0], atol=1e-5)
        await asyncio.gather(*urgent)

    on_stage(use, Collecting(TABLE, 1, most=1), Collecting(TABLE, 1, most=1), runner=Gated)


def test_a_policy_that_is_not_asked_is_told_no_more_than_it_needs() -> None:
    """However many were turned away at the door meanwhile, the server keeps few of them."""
    busy, idle = Collecting(TABLE, 1, most=1), Counting(TABLE)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        digest, budget_s = another_network().table.digest, stage.lanes[1].alone_s(0, 0.0)
        running = [stage.ask(picture, priority=1) for _ in range(2)]
        await gated(stage).begun.get()
        for _ in range(1_500):
            with pytest.raises(TurnedAwayError, match="even alone"):
                await stage.ask(picture, budget_s=budget_s, digest=digest)
        for _ in running:
            gated(stage).go.release()
        await asyncio.gather(*running)
        await stage.settled()
        while not idle.told:
            await stage.settled()
        assert idle.told[-1] - idle.told[0] < 1_024
        assert len(idle.told) <= 1_024

    on_stage(use, busy, idle, runner=Gated)
