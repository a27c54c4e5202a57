"""Sessions that end while a plan for them is being made."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from joulecut_core.errors import AccessError, ContractError
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_server.access.options import AccessOptions, EdgeRule
from tests.proto.fake_services import FakePlanner
from tests.server.access.callers import CAM, REQUEST, TRUCK, gate


class _Slow(FakePlanner):
    """Plans once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        reply = await super().plan_session(request)
        await self.may.wait()
        return reply


def test_a_session_that_gave_way_meanwhile_gets_no_plan() -> None:
    """However many an identity has planned side by side: the server remembers as many as it may have."""
    each = gate(EdgeRule(sessions=1))

    async def run() -> None:
        planner = _Slow()
        plans = [
            asyncio.create_task(each.guards.planner(planner, CAM).plan_session(replace(REQUEST, session_id=name)))
            for name in ("one", "two", "three")
        ]
        while len(planner.requests) < len(plans):
            await asyncio.sleep(0)
        assert planner.released == ["one", "two"]
        planner.may.set()
        one, two, three = await asyncio.gather(*plans, return_exceptions=True)
        assert "one ended while its plan was made: plan again" in str(one)
        assert isinstance(two, ContractError)
        assert isinstance(three, SessionReply)
        assert planner.released == ["one", "two", "one", "two"]

    asyncio.run(run())


def test_an_edge_that_lost_its_right_meanwhile_gets_no_plan() -> None:
    """It is told of the rule, and what its plan began once more is over."""
    each = gate(EdgeRule())

    async def run() -> None:
        planner = _Slow()
        planning = asyncio.create_task(each.guards.planner(planner, CAM).plan_session(REQUEST))
        while not planner.requests:
            await asyncio.sleep(0)
        each.change(AccessOptions(edges=(EdgeRule(names=("truck",)),)))
        planner.may.set()
        with pytest.raises(AccessError, match="no rule"):
            await planning
        assert planner.released == [REQUEST.session_id]

    asyncio.run(run())


def test_a_session_that_is_anothers_by_now_stays_his() -> None:
    """Who released it while it was planned for him does not end the next one of that name."""
    each = gate(EdgeRule())

    async def run() -> None:
        planner, quick = _Slow(), FakePlanner()
        guarded = each.guards.planner(planner, CAM)
        planning = asyncio.create_task(guarded.plan_session(REQUEST))
        while not planner.requests:
            await asyncio.sleep(0)
        await guarded.release(REQUEST.session_id)
        await each.guards.planner(quick, TRUCK).plan_session(REQUEST)
        planner.may.set()
        with pytest.raises(ContractError, match="ended while its plan was made"):
            await planning
        assert planner.released == [REQUEST.session_id], "by its own word alone"
        assert each.owners.owner(REQUEST.session_id) == TRUCK.identity

    asyncio.run(run())
