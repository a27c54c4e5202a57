"""Which server is joined first: one that greets and gives no plan keeps an edge from others once, and then no more."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from joulecut_core.errors import LinkError
from joulecut_core.timing import ManualClock
from joulecut_edge.offloading import offloading
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.retirement import Retirement
from joulecut_edge.peers.servers import Candidate, Servers, parse_servers
from tests.edge.offloading.test_given_up_renewals import FakeConnection
from tests.edge.session_parts import Bench


class Edge:
    """Two servers that greet; `plans` says what the first one does when it is asked for a plan."""

    def __init__(self, bench: Bench, plans: Callable[[], Awaitable[None]]) -> None:
        self.clock, self.asked, self._plans = ManualClock(), list[str](), plans
        self.servers = Servers(parse_servers("a:1,b:1"), self.clock)
        self.offloading = cast(Any, object.__new__(Offloading))
        self.offloading._servers = self.servers
        self.offloading._retirement = Retirement(bench.session, "edge-1")
        self.offloading._joining = SimpleNamespace(opened=self._opened)
        self.offloading._plan_with = self._plan_with
        self.offloading._renew_s = 60.0

    async def _opened(self, candidate: Candidate) -> FakeConnection:
        connection = FakeConnection(candidate.address)
        connection.address = candidate.address
        return connection

    async def _plan_with(self, connection: FakeConnection) -> None:
        self.asked.append(connection.address)
        if connection.address == "a:1":
            await self._plans()

    async def connect(self) -> list[str]:
        """Who is asked for a plan when a server is needed, in this order; the last one gives it."""
        self.asked.clear()
        self.offloading._used = None
        self.clock.advance_s(60.0)
        assert await self.offloading._connect(await self.servers.candidates(), None) is not None
        return list(self.asked)


async def _refuses() -> None:
    raise LinkError("did not answer in time")


async def _hangs() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("plans", [_refuses, _hangs])
def test_who_gave_no_plan_is_asked_last(monkeypatch: pytest.MonkeyPatch, plans: Callable[[], Awaitable[None]]) -> None:
    """And has less time for it, as the next server may be the one that is about to come back."""
    monkeypatch.setattr(offloading, "_DOUBTED_S", 0.005)

    async def use() -> None:
        with Bench() as bench:
            edge = Edge(bench, plans)
            first, second = await edge.servers.candidates()
            if plans is _hangs:
                edge.servers.late(first)
                edge.servers.late(second)
            assert await edge.connect() == ["a:1", "b:1"]
            assert await edge.connect() == ["b:1"]
            assert edge.servers.doubt(first) > edge.servers.doubt(second)

    asyncio.run(use())


def test_who_said_nothing_in_its_turn_is_waited_for_less_the_next_time() -> None:
    """Several preferred hosts that swallow packets would each cost the whole head start with every loss of a server."""

    async def use() -> None:
        with Bench() as bench:
            edge = Edge(bench, _hangs)
            first, second = await edge.servers.candidates()

            async def opened(candidate: Candidate) -> FakeConnection:
                if candidate == first:
                    await _hangs()
                return await edge._opened(candidate)

            edge.offloading._joining = SimpleNamespace(opened=opened)
            await edge.connect()
            assert edge.offloading._used.candidate == second
            assert (edge.servers.may_be_dead(first), edge.servers.may_be_dead(second)) == (True, False)

    asyncio.run(use())


def test_a_connection_that_came_to_nothing_is_let_go() -> None:
    """A server that is away is tried for days: no connection to it waits for garbage to be collected."""
    kept: list[weakref.ref[FakeConnection]] = []

    async def use() -> None:
        with Bench() as bench:
            edge = Edge(bench, _refuses)

            async def opened(candidate: Candidate) -> FakeConnection:
                connection = await edge._opened(candidate)
                if candidate.address == "a:1":
                    kept.append(weakref.ref(connection))
                    raise LinkError("nobody listens")
                return connection

            edge.offloading._joining = SimpleNamespace(opened=opened)
            assert await edge.connect() == ["b:1"]
            await asyncio.sleep(0)

    gc.disable()
    try:
        asyncio.run(use())
        assert [each() for each in kept] == [None]
    finally:
        gc.enable()
