"""A renewal that is given up at its worst moment: plan and server still belong together, and nothing is left open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.retirement import Retirement
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.requests.footing import InForce
from tests.edge.session_parts import Bench, active_plan

_EPOCH = 5


class FakeConnection:
    """One connection to an instance of a server; nothing is sent over it."""

    def __init__(self, instance: str) -> None:
        self.address, self.affinity, self.name = "a:1", "", instance
        self.lost, self.silent, self.heard, self.leaving = (asyncio.Event() for _ in range(4))
        self.is_closed, self.dropped = False, 0

    def ends_where(self, other: FakeConnection) -> bool:
        """Whether both reach the same process."""
        return self.name == other.name

    async def close(self) -> None:
        """Remember it."""
        self.is_closed = True


class Renewal:
    """An edge with a plan from one server, and the task that renews its connection."""

    def __init__(self, bench: Bench, fresh: str) -> None:
        self.bench = bench
        self.before, self.fresh = FakeConnection("one"), FakeConnection(fresh)
        self.offloading = cast(Any, object.__new__(Offloading))
        self.offloading._session = bench.session
        self.offloading._retirement = Retirement(bench.session, "edge-1")
        self.offloading._joining = SimpleNamespace(opened=self._opened)
        self.offloading._plan_with = self._plan_with

    async def _opened(self, candidate: Candidate, *, affinity: str) -> FakeConnection:
        del candidate, affinity
        return self.fresh

    async def _plan_with(self, connection: FakeConnection) -> None:
        await self.bench.session.switch(active_plan(2, epoch=_EPOCH + 1), cast(Any, connection))
        await asyncio.Event().wait()

    @property
    def force(self) -> InForce:
        """What requests are answered under."""
        return self.bench.session._footing.force

    @property
    def asked(self) -> Any:
        """The connection that requests take."""
        return self.force.remote

    async def begin(self) -> asyncio.Task[Any]:
        """Renew, up to the moment at which the worker has changed the server and nobody has heard of it."""
        await self.bench.session.switch(active_plan(2, epoch=_EPOCH), cast(Any, self.before))
        used = SimpleNamespace(connection=self.before, candidate=Candidate(address="a:1"))
        task = asyncio.create_task(self.offloading._refreshed(used))
        while self.asked is not self.fresh:
            await asyncio.sleep(0)
        return task


def _run(use: Callable[[Bench], Awaitable[None]]) -> None:
    async def within() -> None:
        with Bench() as bench:
            await use(bench)

    asyncio.run(within())


def test_given_up_twice() -> None:
    """By its time, and again because the server is lost, before the way back had its turn in the worker."""

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "one")
        task = await renewal.begin()
        go = threading.Event()
        busy = bench.worker.run(go.wait)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        go.set()
        await busy
        with pytest.raises(asyncio.CancelledError):
            await task
        while not renewal.fresh.is_closed:
            await asyncio.sleep(0)
        assert renewal.asked is renewal.before
        assert renewal.force.active.assignment.epoch == _EPOCH

    _run(use)


def test_given_up_under_another_servers_plan() -> None:
    """A proxy had chosen another server, whose plan was in force: the edge is alone, and joins the first one anew."""

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "two")
        task = await renewal.begin()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert renewal.asked is None
        assert renewal.before.lost.is_set()
        assert renewal.fresh.is_closed

    _run(use)
