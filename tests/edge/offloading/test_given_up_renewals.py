"""A renewal or move that is given up at its worst moment: plan and server still belong together, nothing stays open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from joulecut_core.errors import DeviceError
from joulecut_edge.offloading import offloading
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.offloading.retirement import Retirement
from joulecut_edge.offloading.turns import Turn
from joulecut_edge.peers.servers import Candidate, Servers
from joulecut_edge.requests.footing import InForce
from tests.edge.session_parts import Bench, active_plan

_EPOCH = 5


class FakeConnection:
    """One connection to an instance of a server; nothing is sent over it."""

    def __init__(self, instance: str) -> None:
        self.address, self.affinity, self.name = "a:1", "", instance
        self.lost, self.silent, self.heard, self.leaving = (asyncio.Event() for _ in range(4))
        self.is_closed, self.dropped, self.newest_epoch = False, 0, 0
        self.successor: FakeConnection | None = None
        self.opened_within_s = 0.0
        self.is_barren = False

    def ends_where(self, other: FakeConnection) -> bool:
        """Whether both reach the same process."""
        return self.name == other.name

    async def close(self) -> None:
        """Remember it, a moment later."""
        await asyncio.sleep(0)
        self.is_closed = True


class Renewal:
    """An edge with a plan from one server, and the task that renews its connection."""

    def __init__(self, bench: Bench, fresh: str) -> None:
        self.bench = bench
        self.before, self.fresh = FakeConnection("one"), FakeConnection(fresh)
        self.offloading = cast(Any, object.__new__(Offloading))
        self.offloading._session = bench.session
        self.offloading._servers = Servers((), bench.clock)
        self.offloading._retirement = Retirement(bench.session, "edge-1")
        self.offloading._joining = SimpleNamespace(opened=self._opened)
        self.offloading._plan_with = self._plan_with
        self.offloading._used = SimpleNamespace(connection=self.before, candidate=Candidate(address="a:1"))

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

    async def begin(self, *, move: bool = False) -> asyncio.Task[Any]:
        """Renew, up to the moment at which the worker has changed the server and nobody has heard of it."""
        await self.bench.session.switch(active_plan(2, epoch=_EPOCH), cast(Any, self.before))
        candidate = Candidate(address="b:1")
        work = self.offloading._tried(candidate, self._opened(candidate, affinity="")) if move else None
        task = asyncio.create_task(work or self.offloading._refreshed(self.offloading._used))
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
        assert renewal.before.successor is None
        assert renewal.force.active.assignment.epoch == _EPOCH

    _run(use)


@pytest.mark.parametrize("move", [False, True])
def test_given_up_under_another_servers_plan(move: bool) -> None:
    """A better server's plan was in force, or that of one that a proxy chose: the edge is alone, and joins anew."""

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "two")
        task = await renewal.begin(move=move)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert renewal.asked is None
        assert renewal.before.lost.is_set()
        assert renewal.fresh.is_closed

    _run(use)


@pytest.mark.parametrize(("opened_within_s", "limit_s"), [(0.05, 2.0), (2.4, 4.8)])
def test_a_silent_connection_with_long_round_trips(
    monkeypatch: pytest.MonkeyPatch, opened_within_s: float, limit_s: float
) -> None:
    """A fresh one in its place gets twice the time in which it was opened itself, and two seconds at least."""
    limits_s: list[float | None] = []

    async def within(work: Awaitable[None], each_s: float | None) -> None:
        limits_s.append(each_s)
        await work

    monkeypatch.setattr(offloading, "within", within)

    async def refreshed(used: Any) -> None:
        del used

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "one")
        renewal.before.opened_within_s = opened_within_s
        renewal.before.heard.set()
        renewal.offloading._refreshed = refreshed
        await renewal.offloading._heard_again(renewal.offloading._used)
        assert limits_s == [pytest.approx(limit_s)]
        assert not renewal.before.lost.is_set()

    _run(use)


def test_given_up_before_its_plan() -> None:
    """A fresh connection whose plan never came into force leaves the server from before and its plan as they were."""

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "two")
        await bench.session.switch(active_plan(2, epoch=_EPOCH), cast(Any, renewal.before))
        await renewal.offloading._retirement.undo(renewal.fresh, renewal.before)
        assert renewal.asked is renewal.before
        assert not renewal.before.lost.is_set()
        assert renewal.fresh.is_closed

    _run(use)


@pytest.mark.parametrize("move", [False, True])
def test_given_up_on_a_sick_device(move: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops the edge is obeyed, and the server from before is joined anew, though the device refuses work."""

    def refuse(cut: int, *, head: bool) -> None:
        raise DeviceError(f"out of memory at cut {cut}, head {head}")

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "two")
        task = await renewal.begin(move=move)
        monkeypatch.setattr(bench.runner, "prepare", refuse)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert renewal.asked is None
        assert renewal.before.lost.is_set()
        assert renewal.fresh.is_closed

    _run(use)


def test_given_up_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a given-up renewal has replaced all the same is in use: it is looked after, and not the one before."""
    followed: list[Any] = []

    async def lost_at_once(work: Any, *signs: asyncio.Event) -> None:
        del signs
        await work

    async def next_turn(connection: Any, **times_s: float) -> Turn:
        del times_s
        followed.append(connection)
        return Turn.SILENT if len(followed) == 1 else Turn.LOST

    monkeypatch.setattr(offloading, "unless", lost_at_once)
    monkeypatch.setattr(offloading, "next_turn", next_turn)

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "one")
        before = renewal.offloading._used
        fresh = SimpleNamespace(connection=renewal.fresh, candidate=before.candidate, renew_at_s=0.0)
        before.renew_at_s = 0.0

        async def heard_again(used: Any) -> None:
            del used
            renewal.offloading._used = fresh

        async def nothing(*arguments: Any) -> None:
            del arguments

        renewal.offloading._better = SimpleNamespace(begin=lambda: None)
        renewal.offloading._return_s = 1.0
        renewal.offloading._heard_again = heard_again
        renewal.offloading._measure_if_unknown = renewal.offloading._left = nothing
        await renewal.offloading._stay(before)
        assert followed == [renewal.before, renewal.fresh]

    _run(use)


def test_a_lost_server_is_left_whatever_the_device_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that no driver should have neither leaves its connection open nor ends the search for servers."""
    monkeypatch.setattr(offloading, "_BROKEN_S", 0.0)

    async def use(bench: Bench) -> None:
        renewal, sought = Renewal(bench, "one"), asyncio.Event()
        used = renewal.offloading._used
        used.renew_at_s = asyncio.get_running_loop().time() + 60.0
        joined = [used]

        async def connect(candidates: Any, last: Any) -> Any:
            del candidates, last
            if not joined:
                sought.set()
            return joined.pop() if joined else None

        async def nothing(*arguments: Any) -> None:
            del arguments

        def refuse(point: Any) -> None:
            raise RuntimeError(f"no driver for {point}")

        monkeypatch.setattr(bench.session._footing._holder, "hold_if_possible", refuse)
        renewal.offloading._better = SimpleNamespace(begin=lambda: None)
        renewal.offloading._return_s = 30.0
        renewal.offloading._connect, renewal.offloading._measure_if_unknown = connect, nothing
        keeping = asyncio.create_task(renewal.offloading.keep())
        renewal.before.lost.set()
        await asyncio.wait_for(sought.wait(), 20.0)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert (renewal.before.is_closed, renewal.force.remote) == (True, None)

    _run(use)


@pytest.mark.parametrize("turn", [Turn.LOST, Turn.LEAVING])
@pytest.mark.parametrize("step", range(1, 12))
def test_an_edge_that_is_stopped_as_it_leaves_a_server(turn: Turn, step: int) -> None:
    """Whatever it has come to, before, at or after the worker's turn, the connection is closed in the end."""

    async def use(bench: Bench) -> None:
        renewal = Renewal(bench, "one")
        await bench.session.switch(active_plan(2, epoch=_EPOCH), cast(Any, renewal.before))
        leaving = asyncio.create_task(renewal.offloading._left(renewal.offloading._used, turn))
        for _ in range(step):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await renewal.offloading._retirement.close()
        assert renewal.before.is_closed

    _run(use)


def test_the_search_for_servers_goes_on_whatever_broke_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong may go wrong again while the edge is sent home: it finds back to its servers all the same."""
    monkeypatch.setattr(offloading, "_BROKEN_S", 0.0)

    async def use(bench: Bench) -> None:
        renewal, rounds = Renewal(bench, "one"), asyncio.Semaphore(0)

        async def broken(*arguments: Any) -> None:
            del arguments
            rounds.release()
            raise RuntimeError("no driver")

        renewal.offloading._round = broken
        monkeypatch.setattr(bench.session, "go_local", broken)
        keeping = asyncio.create_task(renewal.offloading.keep())
        for _ in range(6):
            await asyncio.wait_for(rounds.acquire(), 20.0)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert (keeping.cancelled(), renewal.before.is_closed) == (True, True)

    _run(use)


def test_a_look_ends_when_the_server_in_use_stops() -> None:
    """Greeting silent servers that are preferred takes long; who takes no requests now is left at once all the same."""

    async def use(bench: Bench) -> None:
        renewal, looked = Renewal(bench, "one"), asyncio.Event()
        await bench.session.switch(active_plan(2, epoch=_EPOCH), cast(Any, renewal.before))
        used = renewal.offloading._used
        used.renew_at_s = asyncio.get_running_loop().time() + 60.0

        async def found(*arguments: Any) -> None:
            del arguments
            looked.set()
            await asyncio.Event().wait()

        async def nothing(*arguments: Any) -> None:
            del arguments

        renewal.offloading._better = SimpleNamespace(begin=lambda: None, found=found)
        renewal.offloading._return_s = 0.0
        renewal.offloading._measure_if_unknown = nothing
        staying = asyncio.create_task(renewal.offloading._stay(used))
        await asyncio.wait_for(looked.wait(), 20.0)
        renewal.before.leaving.set()
        assert await asyncio.wait_for(staying, 20.0) == used.candidate
        assert renewal.asked is None
        await renewal.offloading._retirement.close()

    _run(use)
