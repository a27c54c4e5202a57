"""The scheduler: batches across edges, joins, urgency, refusals in time, joules that add up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from joulecut_core.errors import ContractError, DeviceError
from joulecut_core.serving import Launch, Rest, ServerView
from joulecut_core.tensor_frames import RAW
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_runtime.execution.batch_runner import BatchRunner
from joulecut_runtime.execution.part_runner import Stage
from joulecut_runtime.wires.codecs import codec
from joulecut_server.serving.options import ServingOptions
from joulecut_server.serving.ticket import ServedRequest
from tests.integration.tiny_network import pictures, tiny_network
from tests.planner.serving.scripted import Eager
from tests.server.serving.stage import SLO_S, Collecting, Gated, OnStage, on_stage, service_table

TABLE = service_table()
LAST = tiny_network().table.last


def assert_answers(picture: Tensor, served: ServedRequest) -> None:
    """It is the network's answer, but for the rounding of larger kernels."""
    assert torch.allclose(served.outputs[0], tiny_network().whole((picture,))[0], atol=1e-5)


def gated(stage: OnStage, lane: int = 0) -> Gated:
    runner = stage.lanes[lane].runner
    assert isinstance(runner, Gated)
    return runner


def test_requests_of_several_edges_run_as_one_batch() -> None:
    """One execution for all, each with its own answer; and its equal share of the batch's joules."""
    policy = Collecting(TABLE, 4)

    async def use(stage: OnStage) -> None:
        many = pictures(4)
        asked = [stage.ask(picture, edge=f"edge {k}") for k, picture in enumerate(many)]
        answers = await asyncio.gather(*asked)
        for picture, served in zip(many, answers, strict=True):
            assert_answers(picture, served)
        await stage.settled()
        (outcome,) = policy.outcomes
        assert (outcome.batch, outcome.late) == (4, 0)
        assert [served.energy_j for served in answers] == pytest.approx([outcome.energy_j / 4] * 4)
        assert {served.tail_s for served in answers} == {answers[0].tail_s}

    on_stage(use, policy)


def test_ledgers_add_up_to_the_devices_counter() -> None:
    """Batches, clock changes and waiting in between: whatever the counter counts, some request answers for."""
    policy = Collecting(TABLE, 2)

    async def use(stage: OnStage) -> None:
        answers: list[ServedRequest] = []
        # What is drawn before a batch is known behind it: the last round takes what the one before waited for.
        for wait_s in (0.5, 0.5, 0.5, 0.5, 0.5, 0.0):
            stage.clock.advance_s(wait_s)
            answers += await asyncio.gather(*(stage.ask(picture) for picture in pictures(2)))
            while policy.views[-1].waiting:
                await asyncio.sleep(0)
            await stage.settled()
        shared = sum(served.energy_j + (served.wait_j or 0.0) for served in answers)
        assert shared == pytest.approx(stage.scheduler.books.busy_j + stage.scheduler.books.wait_j)
        counted = stage.device.exact_energy_j
        assert shared == pytest.approx(counted, abs=2.0), "a period of the counter, a change of the clock"
        assert stage.scheduler.books.wait_j > 4 * 0.5 * 39.0

    on_stage(use, policy)


def test_a_request_joins_a_batch_that_comes_by() -> None:
    """Cross-cut batching: what arrives at a later cut runs from there on with a batch that started before it."""
    policy = Collecting(TABLE, 1, joins=True)

    async def use(stage: OnStage) -> None:
        runner = gated(stage)
        early, late = pictures(2)
        runner.prepare(2, head=False)
        first = stage.ask(early)
        assert await runner.begun.get() == (0, 2, 1)
        second = stage.ask(late, cut=2)
        await asyncio.sleep(0)
        runner.go.release()
        assert await runner.begun.get() == (2, LAST, 2)
        runner.go.release()
        assert_answers(early, await first)
        assert_answers(late, await second)
        await stage.settled()
        (outcome,) = policy.outcomes
        assert outcome.batch == 2
        assert (await second).energy_j < (await first).energy_j
        assert (await first).energy_j + (await second).energy_j == pytest.approx(outcome.energy_j)

    on_stage(use, policy, runner=Gated)


def test_a_launch_picks_up_its_members_on_the_way() -> None:
    """Requests of different cuts in one launch: each runs only what its edge has not."""
    policy = Collecting(TABLE, 3)

    async def use(stage: OnStage) -> None:
        many = pictures(3)
        runner = gated(stage)
        for _ in range(3):
            runner.go.release()
        asked = [stage.ask(picture, cut=cut) for picture, cut in zip(many, (1, 0, 3), strict=True)]
        for picture, task in zip(many, asked, strict=True):
            assert_answers(picture, await task)
        stretches = [runner.begun.get_nowait() for _ in range(3)]
        assert stretches == [(0, 1, 1), (1, 3, 2), (3, LAST, 3)]

    on_stage(use, policy, runner=Gated)


def test_the_most_urgent_goes_first() -> None:
    """Priority, then deadline, whoever came first."""
    policy = Collecting(TABLE, 4, most=1)

    async def use(stage: OnStage) -> None:
        order: list[str] = []
        (picture,) = pictures(1)

        async def asked(name: str, budget_s: float, priority: int) -> None:
            await stage.ask(picture, budget_s=budget_s, priority=priority)
            order.append(name)

        tasks = [
            asyncio.create_task(asked(*request))
            for request in (("late", 9.0, 0), ("soon", 3.0, 0), ("sooner", 2.0, 0), ("above", 8.0, 1))
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        policy.least = 1
        stage.ask(picture, budget_s=9.5)
        await asyncio.gather(*tasks)
        assert order == ["above", "sooner", "soon", "late"]

    on_stage(use, policy)


def test_who_cannot_be_in_time_is_told_at_once() -> None:
    """While a batch runs, a request that cannot wait for its end is refused before that end, with a time to come."""
    policy = Collecting(TABLE, 1)

    async def use(stage: OnStage) -> None:
        runner = gated(stage)
        (picture,) = pictures(1)
        running = stage.ask(picture)
        await runner.begun.get()
        with pytest.raises(TurnedAwayError, match="would miss its deadline") as refused:
            await stage.ask(picture, budget_s=1e-3 * LAST + 1e-4)
        assert refused.value.status is ReplyStatus.LATE
        assert 0.0 < refused.value.retry_after_s < SLO_S
        waiting = stage.ask(picture)
        runner.go.release()
        runner.go.release()
        await asyncio.gather(running, waiting)
        assert policy.views[-1].arrivals == 3, "who was refused has arrived all the same"

    on_stage(use, policy, runner=Gated)


def test_an_edge_that_floods_takes_its_own_places_only() -> None:
    """Its surplus is refused at once; another edge's request gets in and is answered."""
    policy = Collecting(TABLE, 1)

    async def use(stage: OnStage) -> None:
        runner = gated(stage)
        (picture,) = pictures(1)
        running = stage.ask(picture, edge="calm")
        await runner.begun.get()
        flood = [stage.ask(picture, edge="flood") for _ in range(20)]
        calm = [stage.ask(picture, edge="calm") for _ in range(2)]
        while sum(task.done() for task in flood) < 16:
            await asyncio.sleep(0.001)
        done, pending = [task for task in flood if task.done()], [task for task in flood if not task.done()]
        assert (len(done), len(pending)) == (16, 4)
        for task in done:
            error = task.exception()
            assert isinstance(error, TurnedAwayError)
            assert error.status is ReplyStatus.OVERLOADED
            assert error.retry_after_s > 0.0
        assert len(stage.lanes[0]) == 6
        for _ in range(8):
            runner.go.release()
        await asyncio.gather(running, *calm, *pending)

    on_stage(
        use, policy, runner=Gated, options=ServingOptions(policy="fixed", slo_s=SLO_S, waiting=7, waiting_per_edge=4)
    )


def test_what_a_flood_s_share_holds_back_is_refused_before_it_is_late() -> None:
    """When a request alone would no longer be in time; those that are shown run beside the other edge's."""
    policy = Collecting(TABLE, 1)

    async def use(stage: OnStage) -> None:
        runner = gated(stage)
        (picture,) = pictures(1)
        running = stage.ask(picture, edge="calm")
        await runner.begun.get()
        flood = [stage.ask(picture, edge="flood") for _ in range(16)]
        calm = stage.ask(picture, edge="calm")
        while len(stage.lanes[0]) < 17:
            await asyncio.sleep(0)
        stage.clock.advance_s(SLO_S - stage.lanes[0].alone_s(0, 0.0) / 2)
        for _ in range(17):
            runner.go.release()
        await asyncio.gather(running, calm)
        outcomes = await asyncio.gather(*flood, return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, Exception)]
        assert len(refused) >= 5
        for error in refused:
            assert isinstance(error, TurnedAwayError)
            assert error.status is ReplyStatus.OVERLOADED

    on_stage(use, policy, runner=Gated)


def test_what_malformed_bytes_cost_is_in_somebody_s_ledger() -> None:
    """Whoever sends them has no ledger: the batch's others share it, as what is drawn between batches."""
    policy = Collecting(TABLE, 2)

    async def use(stage: OnStage) -> None:
        answers: list[ServedRequest] = []
        for _ in range(3):
            good, bad = pictures(2)
            wrong = stage.ask(bad, frames=codec(RAW).encode((bad[:, :, 1:],)))
            answers.append(await stage.ask(good))
            with pytest.raises(ContractError):
                await wrong
            await stage.settled()
        shared = sum(served.energy_j + (served.wait_j or 0.0) for served in answers)
        assert shared == pytest.approx(stage.scheduler.books.busy_j + stage.scheduler.books.wait_j)

    on_stage(use, policy)


def test_malformed_bytes_fail_alone() -> None:
    """A neighbour in the batch must not be spoilt by what somebody else sent."""
    policy = Collecting(TABLE, 3)

    async def use(stage: OnStage) -> None:
        good, bad, other = pictures(3)
        wrong = stage.ask(bad, frames=codec(RAW).encode((bad[:, :, 1:],)))
        answers = await asyncio.gather(stage.ask(good), stage.ask(other))
        for picture, served in zip((good, other), answers, strict=True):
            assert_answers(picture, served)
        with pytest.raises(ContractError, match=r"uint8\[1, 3, 31, 32\]"):
            await wrong
        await stage.settled()
        assert policy.outcomes[0].batch == 2

    on_stage(use, policy)


class Broken(BatchRunner):
    """A device that runs out of memory once."""

    failures = 1

    def stretch(
        self, first: int, last: int, requests: Sequence[Sequence[Tensor]], variant: int = 0
    ) -> tuple[list[tuple[Tensor, ...]], Stage]:
        if self.failures:
            self.failures -= 1
            raise DeviceError("cuda:0 failed: out of memory")
        return super().stretch(first, last, requests, variant)


def test_a_failed_batch_is_told_to_all_its_requests() -> None:
    """Nobody waits for an answer that will not come; the next batch runs."""

    async def use(stage: OnStage) -> None:
        many = pictures(2)
        results = await asyncio.gather(*map(stage.ask, many), return_exceptions=True)
        assert [type(result) for result in results] == [DeviceError, DeviceError]
        answers = await asyncio.gather(*map(stage.ask, many))
        assert_answers(many[0], answers[0])

    on_stage(use, Collecting(TABLE, 2), runner=Broken)


def test_other_work_of_the_device_gets_its_turn() -> None:
    """A plan put in force, or a look after the clocks, waits for one batch at most, however long the line is."""
    policy = Collecting(TABLE, 1, most=1)

    async def use(stage: OnStage) -> None:
        runner = gated(stage)
        (picture,) = pictures(1)
        asked = [stage.ask(picture) for _ in range(6)]
        await runner.begun.get()
        other = stage.worker.run(lambda: len(policy.outcomes))
        await asyncio.sleep(0)
        for _ in asked:
            runner.go.release()
        assert (await other).result == 1
        await asyncio.gather(*asked)

    on_stage(use, policy, runner=Gated)


def test_clocks_follow_the_policy_from_unit_to_unit() -> None:
    """Each unit runs at its own clock, and the clock of a rest is held while nothing runs."""
    points = tuple(2 if unit == 0 else 1 for unit in range(len(TABLE.units)))
    policy = Collecting(TABLE, 1)
    policy.points = points
    seen: list[float] = []

    class Watching(BatchRunner):
        def stretch(
            self, first: int, last: int, requests: Sequence[Sequence[Tensor]], variant: int = 0
        ) -> tuple[list[tuple[Tensor, ...]], Stage]:
            seen.append(self.device.state().point.core_mhz)
            return super().stretch(first, last, requests, variant)

    async def use(stage: OnStage) -> None:
        await stage.ask(pictures(1)[0])
        low, middle, high = (point.core_mhz for point in TABLE.points)
        assert seen == [high, middle]
        while stage.clocks.leased is None or stage.clocks.leased.core_mhz != low:
            await asyncio.sleep(0)
        assert stage.clocks.wish("somebody", TABLE.points[2]) == stage.clocks.leased, "wishes are no floor"
        assert policy.views[0].point == len(TABLE.points) - 1
        assert policy.views[-1].point == 1

    on_stage(use, policy, runner=Watching)


class Resting(Eager):
    """Waits half a second before it runs anything."""

    def decide(self, view: ServerView) -> Launch | Rest:
        if view.waiting and view.now_s < view.waiting[0].arrival_s + 0.5:
            return Rest(0, view.waiting[0].arrival_s + 0.5)
        return super().decide(view)


def test_a_rest_ends_when_it_said() -> None:
    """A policy that fills its batch decides again at the time it named, not only when somebody arrives."""
    policy = Resting(TABLE)

    async def use(stage: OnStage) -> None:
        served = await stage.ask(pictures(1)[0])
        assert served.queue_s == pytest.approx(0.5, abs=0.05)

    on_stage(use, policy)


def test_closing_turns_away_what_waits() -> None:
    """An edge must not wait for a server that stops; what came too late is refused at the door."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        waiting = stage.ask(picture)
        await asyncio.sleep(0)
        stage.scheduler.close()
        for task in (waiting, stage.ask(picture)):
            with pytest.raises(TurnedAwayError, match="stopping") as refused:
                await task
            assert refused.value.status is ReplyStatus.DRAINING

    on_stage(use, Collecting(TABLE, 2))


@pytest.mark.parametrize("budget_s", [-0.01, 0.0, 1e-3])
def test_a_request_that_nobody_could_serve_is_no_service_level(budget_s: float) -> None:
    """One that comes with its time used up is refused, and the others' batches stay as large as they were."""
    policy = POLICIES["fixed"](TABLE, PolicyOptions())

    async def use(stage: OnStage) -> None:
        many = pictures(5)
        refused = await asyncio.gather(stage.ask(many[0], budget_s=budget_s), return_exceptions=True)
        assert isinstance(refused[0], TurnedAwayError)
        assert refused[0].status is ReplyStatus.LATE
        answers = await asyncio.gather(*map(stage.ask, many[1:]))
        assert max(served.batch for served in answers) > 1

    on_stage(use, policy)
