"""Requests that lost their server wait for the next one, and no longer than they may."""

from __future__ import annotations

import asyncio

from joulecut_core.timing import ManualClock
from joulecut_edge.requests.footing import InForce
from joulecut_edge.requests.successors import Successors
from tests.edge.session_parts import FakeRemote, active_plan

FOUND = InForce(active=active_plan(2), remote=FakeRemote(clock=ManualClock()))


def told(found: InForce | None) -> list[InForce | None]:
    """What three requests hear that wait when it is told."""

    async def run() -> list[InForce | None]:
        successors = Successors()
        waiting = [asyncio.create_task(successors.wait(60.0)) for _ in range(3)]
        await asyncio.sleep(0)
        successors.tell(found)
        return await asyncio.gather(*waiting)

    return asyncio.run(run())


def test_everybody_hears() -> None:
    """Of the next server, or that there is none."""
    assert told(FOUND) == [FOUND] * 3
    assert told(None) == [None] * 3


def test_what_was_heard_first_counts() -> None:
    """A server found, and lost before anybody has gone on, breaks nothing; nothing is left of who waited."""

    async def run() -> None:
        successors = Successors()
        waiting = [asyncio.create_task(successors.wait(60.0)) for _ in range(2)]
        await asyncio.sleep(0)
        successors.tell(FOUND)
        successors.tell(None)
        assert await asyncio.gather(*waiting) == [FOUND] * 2
        assert not successors._waiting

    asyncio.run(run())


def test_nobody_waits_longer_than_asked() -> None:
    """A request has a deadline; what is told before or after it waits is for others."""

    async def run() -> InForce | None:
        successors = Successors()
        successors.tell(FOUND)
        found = await successors.wait(0.0)
        successors.tell(FOUND)
        return found

    assert asyncio.run(run()) is None
