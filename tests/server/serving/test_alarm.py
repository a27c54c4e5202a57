"""Rests that end when they were meant to, although timers wake late."""

from __future__ import annotations

import pytest

from joulecut_core.serving import Launch, Rest, ServerView
from joulecut_server.serving.alarm import Alarm
from tests.integration.tiny_network import pictures
from tests.server.serving.stage import Collecting, OnStage, on_stage, service_table

TABLE = service_table()


def rests_end_s(alarm: Alarm, late_s: float, count: int) -> list[float]:
    """How much later than meant each of some rests of a second ended, by a timer that is always so late."""
    now_s, delays_s = 0.0, []
    for _ in range(count):
        until_s = now_s + 1.0
        now_s = alarm.due_s(until_s, now_s) + late_s
        delays_s.append(alarm.moment_s(now_s) - until_s)
    return delays_s


def test_a_timer_that_wakes_late_is_set_early() -> None:
    """A last start in time is kept once the timer's lateness is known; until then nothing is assumed."""
    delays_s = rests_end_s(Alarm(0.1), 3e-3, 12)
    assert delays_s[0] == pytest.approx(3e-3)
    assert delays_s[-1] == pytest.approx(0.0, abs=1e-12)


def test_no_rest_ends_much_earlier_than_meant() -> None:
    """A host that stands still for long is not made up for by deciding long before the time."""
    assert rests_end_s(Alarm(1e-3), 0.5, 12)[-1] == pytest.approx(0.5 - 1e-3)


def test_what_comes_during_a_rest_is_decided_upon_at_its_own_time() -> None:
    """An arrival ends the rest: now is now, and the timer has not been late."""
    alarm = Alarm(0.1)
    rests_end_s(alarm, 3e-3, 12)
    assert alarm.due_s(21.0, 20.0) == pytest.approx(21.0 - 3e-3)
    assert alarm.moment_s(20.5) == 20.5
    assert alarm.moment_s(30.0) == 30.0, "the rest that was broken off has no end any more"
    assert alarm.due_s(41.0, 40.0) == pytest.approx(41.0 - 3e-3)


def test_a_rest_that_is_over_at_once_says_nothing_about_timers() -> None:
    """A change of the clock takes longer than the rest after it: nobody was woken late."""
    alarm = Alarm(0.1)
    for _ in range(8):
        alarm.due_s(1.0, 2.0)
        assert alarm.moment_s(2.0) == 2.0
    assert alarm.due_s(4.0, 3.0) == 4.0


class Brief(Collecting):
    """Waits for a moment that is much shorter than a timer tells, once for each request."""

    def decide(self, view: ServerView) -> Launch | Rest:
        if view.waiting and view.now_s == view.waiting[0].arrival_s:
            self.views.append(view)
            return Rest(len(self.table.points) - 1, view.now_s + 2e-6)
        return super().decide(view)


def test_a_brief_rest_is_as_brief_as_it_said() -> None:
    """A policy that leaves a request until its last start must not find that start gone by when it is asked again."""
    policy = Brief(TABLE, 1)
    # Between requests too, or the clock changes back meanwhile.
    policy.rests_at = len(TABLE.points) - 1

    async def use(stage: OnStage) -> None:
        (picture,) = pictures(1)
        # The first rest changes the clock, which takes longer.
        await stage.ask(picture)
        await stage.settled()
        policy.views.clear()
        await stage.ask(picture)
        await stage.settled()
        before, after = (view.now_s for view in policy.views if view.waiting)
        assert after - before == pytest.approx(2e-6, rel=1e-3)

    on_stage(use, policy)
