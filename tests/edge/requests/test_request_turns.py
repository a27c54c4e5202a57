"""Applications take turns on the device; where it hangs they are told so, and served again once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_edge.requests.request_turns import MOST_WAITING, RequestTurns
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn
from joulecut_runtime.execution.fair_turns import DeviceBusyError
from tests.runtime.execution.test_device_worker import WAIT_S, Gate

LONGEST_S = 30.0
LOOK_EVERY_S = 0.001


def on_device(use: Callable[[RequestTurns, ManualClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        worker = DeviceWorker(clock)
        turns = RequestTurns(worker)
        looking = asyncio.create_task(turns.keep(LONGEST_S, every_s=LOOK_EVERY_S))
        await asyncio.wait_for(use(turns, clock), WAIT_S)
        looking.cancel()
        assert turns.waiting == 0
        worker.close()

    asyncio.run(run())


async def told(asked: Awaitable[Turn[None]]) -> None:
    with pytest.raises(DeviceError, match=r"the device hangs: one piece of work has run on it for 31 s; expected"):
        await asked


def test_applications_take_turns() -> None:
    """One that asks for all at once is not answered whole before one that asks for little; rests go before all."""

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        gate, order = Gate(), list[str]()

        def work(name: str) -> None:
            clock.advance_s(1.0)
            order.append(name)

        asked = [asyncio.create_task(turns.run(gate, who="gate"))]
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        asked += [
            asyncio.create_task(turns.run(partial(work, f"{who} {number}"), who=who))
            for who, count in (("busy", 3), ("calm", 1), ("", 1))
            for number in range(count)
        ]
        asked.append(asyncio.create_task(turns.run_rest(partial(work, "rest"))))
        await asyncio.sleep(0)
        assert turns.waiting == 7
        gate.open()
        await asyncio.gather(*asked)
        assert order == ["rest", "busy 0", "calm 0", " 0", "busy 1", "busy 2"]

    on_device(use)


def test_a_full_line_refuses_who_has_most_waiting() -> None:
    """An application that asks for little finds a place beside one that has taken them all, and no other one."""

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        del clock
        gate = Gate()
        running = asyncio.create_task(turns.run(gate, who="gate"))
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        flood = [asyncio.create_task(turns.run(lambda: None, who="flood")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        calm = asyncio.create_task(turns.run(lambda: "served", who="calm"))
        with pytest.raises(DeviceBusyError, match=f"{MOST_WAITING} requests wait for the device; at most"):
            await flood[-1]
        with pytest.raises(DeviceBusyError):
            await turns.run(lambda: None, who="flood")
        gate.open()
        assert (await calm).result == "served"
        await asyncio.gather(running, *flood[:-1])

    on_device(use)


def test_who_waits_and_who_comes_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The request whose work hangs as well; none of them runs when the device is back, and those after it do.

    The log says once that it hangs, however often that is seen, and once that it is back.
    """

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        gate, ran = Gate(), list[str]()
        asked = [asyncio.create_task(turns.run(gate, who="app"))]
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        asked += [
            asyncio.create_task(turns.run(lambda: ran.append("first part"), who="app")),
            asyncio.create_task(turns.run_rest(lambda: ran.append("rest"))),
        ]
        await asyncio.sleep(0)
        clock.advance_s(31.0)
        for each in asked:
            await told(each)
        await told(turns.run(lambda: ran.append("later"), who="app"))
        await told(turns.run_rest(lambda: ran.append("later")))
        assert not turns._given_up
        await asyncio.sleep(5 * LOOK_EVERY_S)
        gate.open()
        while turns.complaint is not None:
            await asyncio.sleep(LOOK_EVERY_S)
        assert (await turns.run(lambda: "well", who="app")).result == "well"
        assert ran == []
        levels = [record.levelname for record in caplog.records if record.name == RequestTurns.__module__]
        assert levels == ["ERROR", "WARNING"]

    on_device(use)


def test_an_application_that_leaves_is_not_told() -> None:
    """Its request is dropped while it waits, as if nothing hung."""

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        del clock
        gate, ran = Gate(), list[str]()
        running = asyncio.create_task(turns.run(gate, who="app"))
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        leaving = asyncio.create_task(turns.run(lambda: ran.append("left"), who="app"))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.open()
        await running
        assert ran == []

    on_device(use)
