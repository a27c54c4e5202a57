"""How often an edge may ask for plans, and put them in force."""

from __future__ import annotations

import asyncio

import pytest

from joulecut_core.timing import ManualClock
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_server.access.options import EdgeRule
from tests.proto.fake_services import FakePlanner
from tests.server.access.callers import CAM, REQUEST, TRUCK, gate


def test_planning_has_a_rate() -> None:
    """An edge that asks for plans without end does not take the planner from the others."""
    clock, planner = ManualClock(), FakePlanner()
    each = gate(EdgeRule(plan_hz=0.5), clock=clock)

    async def run() -> None:
        each.guards.planner(planner, CAM).check_rate()
        with pytest.raises(PlannerBusyError, match=r"0\.5 times a second; try again in 2\.000 s"):
            each.guards.planner(planner, CAM).check_rate()
        each.guards.planner(planner, TRUCK).check_rate()
        clock.sleep_until_s(2.0)
        each.guards.planner(planner, CAM).check_rate()

    asyncio.run(run())


def test_putting_plans_in_force_has_a_rate_that_followers_of_a_link_stay_below() -> None:
    """However rarely it may plan: an edge changes among its plans up to three times in three seconds."""
    clock = ManualClock()
    each = gate(EdgeRule(plan_hz=0.1), clock=clock)

    async def run() -> None:
        planner = each.guards.planner(FakePlanner(), CAM)
        await planner.plan_session(REQUEST)
        await planner.activate(REQUEST.session_id, 1)
        for _ in range(10):
            for epoch in (0, 1, 0):
                await planner.activate(REQUEST.session_id, epoch)
            clock.advance_s(3.0)
        for _ in range(4):
            await planner.activate(REQUEST.session_id, 1)
        with pytest.raises(PlannerBusyError, match=r"put plans in force 4\.1 times a second; try again in 0\."):
            await planner.activate(REQUEST.session_id, 1)

    asyncio.run(run())
