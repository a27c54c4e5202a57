"""Requests on a device that hangs: told so, whether they wait or come; and served again once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_edge.requests.request_turns import RequestTurns
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn
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


def test_who_waits_and_who_comes_is_told() -> None:
    """The request whose work hangs as well; none of them runs when the device is back, and those after it do."""

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        gate, ran = Gate(), list[str]()
        asked = [asyncio.create_task(turns.run(gate))]
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        asked += [
            asyncio.create_task(turns.run(lambda: ran.append("first part"))),
            asyncio.create_task(turns.run_rest(lambda: ran.append("rest"))),
        ]
        await asyncio.sleep(0)
        clock.advance_s(31.0)
        for each in asked:
            await told(each)
        await told(turns.run(lambda: ran.append("later")))
        await told(turns.run_rest(lambda: ran.append("later")))
        gate.open()
        while turns.complaint is not None:
            await asyncio.sleep(LOOK_EVERY_S)
        assert (await turns.run(lambda: "well")).result == "well"
        assert ran == []

    on_device(use)


def test_an_application_that_leaves_is_not_told() -> None:
    """Its request is dropped while it waits, as if nothing hung."""

    async def use(turns: RequestTurns, clock: ManualClock) -> None:
        del clock
        gate, ran = Gate(), list[str]()
        running = asyncio.create_task(turns.run(gate))
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        leaving = asyncio.create_task(turns.run(lambda: ran.append("left")))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.open()
        await running
        assert ran == []

    on_device(use)
