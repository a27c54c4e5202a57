"""What is kept free for delays."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_core.serving import Launch, Rest, ServerView
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_server.serving.lag import Lag
from tests.integration.tiny_network import pictures
from tests.planner.serving.scripted import Eager
from tests.server.serving.stage import SLO_S, Collecting, OnStage, on_stage, service_table

TABLE = service_table()


def lag_after(delays_s: list[float], most_s: float = 1.0) -> float:
    """The lag behind some delays."""
    lag = Lag(most_s)
    for delay_s in delays_s:
        lag.observed(delay_s)
    return lag.seconds


def test_nothing_is_kept_free_on_a_host_that_is_never_late() -> None:
    """Punctual or early, the deadline is all the policy's."""
    assert lag_after([]) == lag_after([-1e-3, 0.0] * 10) == 0.0


def test_most_delays_are_allowed_for_but_not_the_odd_one() -> None:
    """Nineteen of twenty; one hiccup of the host does not cost every request its time."""
    assert lag_after([1e-3, 2e-3] * 20 + [0.5]) == 2e-3


def test_cold_starts_say_nothing_and_the_bound_holds() -> None:
    """The first batches are slow everywhere; more than the bound is never kept free."""
    assert lag_after([0.5] * 3) == 0.0
    assert lag_after([0.5] * 30, 0.1) == 0.1


def test_a_host_that_was_late_for_a_while_is_forgiven() -> None:
    """Old delays are forgotten."""
    assert lag_after([0.5] * 100 + [0.0] * 100) == 0.0


class Patient(Eager):
    """Waits half a second before it runs anything."""

    def decide(self, view: ServerView) -> Launch | Rest:
        if view.waiting and view.now_s < view.waiting[0].arrival_s + 0.5:
            return Rest(0, view.waiting[0].arrival_s + 0.5)
        return super().decide(view)


def test_batches_that_overrun_the_table_are_started_earlier() -> None:
    """What batches take beyond the table is kept free of each deadline, which is promised, and judged, as before."""
    policy = Collecting(TABLE, 1)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        for _ in range(8):
            stage.lanes[0].overrun.observed(0.25)
        await stage.ask(picture)
        await stage.settled()
        request = next(view.waiting[0] for view in policy.views if view.waiting)
        assert request.deadline_s - request.arrival_s == pytest.approx(SLO_S - 0.25)
        assert policy.outcomes[0].late == 0

    on_stage(use, policy)


def test_an_answer_within_the_reserve_is_in_time() -> None:
    """Late is what comes after the promised deadline, not after the one that the policy works to."""
    policy = Patient(TABLE)

    async def use(stage: OnStage) -> None:
        for _ in range(8):
            stage.lanes[0].overrun.observed(7.75)
        await stage.ask(pictures(1)[0], budget_s=8.0)
        await stage.settled()
        assert policy.outcomes[0].end_s - policy.outcomes[0].start_s < 7.75
        assert policy.outcomes[0].mean_response_s > 8.0 - 7.75
        assert policy.outcomes[0].late == 0

    on_stage(use, policy)


def test_overruns_that_no_batch_can_disprove_are_forgotten() -> None:
    """A device that was slow for a while serves tight budgets again; as long as batches run, what they took counts."""
    policy = Collecting(TABLE, 1)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        lane = stage.lanes[0]
        tight_s = lane.alone_s(0, 0.0) + 0.5
        for _ in range(8):
            lane.overran(1.0, stage.clock.now_s())
        refused = await asyncio.gather(stage.ask(picture, budget_s=tight_s), return_exceptions=True)
        assert isinstance(refused[0], TurnedAwayError)
        assert lane.overrun.seconds == 1.0
        stage.clock.advance_s(11.0)
        await asyncio.gather(stage.ask(picture, budget_s=tight_s), return_exceptions=True)
        assert lane.overrun.seconds == 0.0
        assert (await stage.ask(picture, budget_s=tight_s)).batch == 1

    on_stage(use, policy)


def test_what_is_learnt_of_a_batch_comes_behind_its_answers() -> None:
    """Where it cannot be learnt, those who ran have their answers all the same."""
    policy = Collecting(TABLE, 2)

    def fails(delay_s: float, now_s: float) -> None:
        raise ArithmeticError(f"{delay_s} at {now_s}")

    async def use(stage: OnStage) -> None:
        stage.lanes[0].overran = fails  # type: ignore[method-assign]
        answers = await asyncio.gather(*map(stage.ask, pictures(2)))
        assert [served.batch for served in answers] == [2, 2]
        await stage.settled()
        again = await asyncio.gather(*map(stage.ask, pictures(2)))
        assert [served.batch for served in again] == [2, 2]

    on_stage(use, policy)
