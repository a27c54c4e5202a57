"""Sessions that end because another one of their owner's begins."""

from __future__ import annotations

import asyncio

from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.access.permit import permit_for
from tests.proto.fake_services import FakePlanner
from tests.server.access.callers import CAM, REQUEST, gate


class HeldPlanner(FakePlanner):
    """Its device answers no release until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def release(self, session_id: str) -> None:
        await self.answers.wait()
        await super().release(session_id)


def test_all_sessions_that_give_way_end_whatever_becomes_of_the_call() -> None:
    """A planning call that is cancelled half way leaves none of the sessions behind whose owner is forgotten."""

    async def plan() -> None:
        each, service = gate(EdgeRule(sessions=1)), HeldPlanner()
        once = permit_for(CAM, AccessOptions(edges=(EdgeRule(sessions=2),)), site=None)
        for session_id in ("a", "b"):
            each.owners.claim(session_id, once)
        calling = asyncio.create_task(each.guards.planner(service, CAM).plan_session(REQUEST))
        await asyncio.sleep(0)
        calling.cancel()
        await asyncio.wait((calling,))
        assert [each.owners.permit(session_id) for session_id in ("a", "b")] == [None, None]
        service.answers.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert service.released == ["a", "b"]

    asyncio.run(plan())
