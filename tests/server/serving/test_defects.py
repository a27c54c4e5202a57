"""Defects of policies and of what drives them: those who wait are told, and serving goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from joulecut_core.serving import Launch, Rest, ServerView
from joulecut_server.serving.lane import NetworkLane, Urgency
from tests.fakes.threads import no_thread_left
from tests.integration.tiny_network import pictures
from tests.server.serving.stage import Collecting, OnStage, on_stage, service_table

TABLE = service_table()


class Moody(Collecting):
    """A policy with a defect that goes away."""

    def decide(self, view: ServerView) -> Launch | Rest:
        if self.least == 0:
            raise ZeroDivisionError("no rate")
        return super().decide(view)


def test_a_policys_defect_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """Its requests are left to their edges, with the reason in the log, and the next ones run."""
    policy = Moody(TABLE, 0)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        with pytest.raises(RuntimeError, match="serving policy collecting failed"):
            await stage.ask(picture)
        policy.least = 1
        # A request that comes while the line is being cleared goes with it.
        with suppress(RuntimeError):
            await stage.ask(picture)
        assert (await stage.ask(picture)).batch == 1

    on_stage(use, policy)
    assert "no rate" in caplog.text


def test_a_defect_outside_the_policies_is_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits is refused with a reason, and scheduling goes on with the next request."""
    defects: list[Exception] = []

    def urgency(lane: NetworkLane) -> Urgency:
        if defects:
            raise defects.pop()
        return real(lane)

    real = NetworkLane.urgency
    monkeypatch.setattr(NetworkLane, "urgency", urgency)

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        await stage.settled()
        defects.append(ZeroDivisionError("no order"))
        with pytest.raises(RuntimeError, match="the scheduler failed"):
            await stage.ask(picture)
        assert (await stage.ask(picture)).batch == 1

    on_stage(use, Collecting(TABLE, 1))
    assert "no order" in caplog.text


def test_a_host_without_a_thread_for_a_moment_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """Who came in that moment is refused with a reason, and scheduling goes on with the next request."""

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        with no_thread_left():
            keeping = asyncio.create_task(stage.scheduler.keep())
            with pytest.raises(RuntimeError, match="the scheduler failed"):
                await stage.ask(picture)
        assert (await stage.ask(picture)).batch == 1
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    on_stage(use, Collecting(TABLE, 1), begins=False)
    assert "no thread for the device's work" in caplog.text


class Beyond(Collecting):
    """A policy that launches what its table does not have."""

    def decide(self, view: ServerView) -> Launch | Rest:
        decision = super().decide(view)
        return Launch(1, 3, self.points) if isinstance(decision, Launch) else decision


def test_a_launch_beyond_the_table_is_a_defect() -> None:
    """An unknown variant must not be run as if it were the first."""

    async def use(stage: OnStage) -> None:
        with pytest.raises(RuntimeError, match="failed"):
            await stage.ask(pictures(1)[0])

    on_stage(use, Beyond(TABLE, 1))
