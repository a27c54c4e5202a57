"""The one thread of a device: turns, order, and a bound on who waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.device_worker import DeviceWorker
from tests.fakes.threads import no_thread_left

WAIT_S = 20.0
"""How long a test waits for what must happen at once."""


class Gate:
    """Work that holds the worker until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self._open.wait(WAIT_S)

    def open(self) -> None:
        self._open.set()


def with_worker(use: Callable[[DeviceWorker, ManualClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        worker = DeviceWorker(clock)
        try:
            await use(worker, clock)
        finally:
            worker.close()

    asyncio.run(run())


def test_first_come_first_served() -> None:
    """Work runs one after the other in the order it came, on one thread that is not the event loop's."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock
        order: list[int] = []
        threads: set[int] = set()

        def work(number: int) -> int:
            order.append(number)
            threads.add(threading.get_ident())
            return number

        turns = await asyncio.gather(*(worker.run(partial(work, number)) for number in range(20)))
        assert order == [turn.result for turn in turns] == list(range(20))
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        assert worker.waiting == 0

    with_worker(use)


def test_what_is_to_run_ahead_goes_before_what_waits() -> None:
    """Among themselves they keep their order; what runs is not interrupted; what is cancelled leaves no gap."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock
        gate, order = Gate(), list[str]()
        holding = worker.run(gate)
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        behind = [worker.run(partial(order.append, name)) for name in ("head 1", "cancelled", "head 2")]
        ahead = [worker.run(partial(order.append, name), ahead=True) for name in ("rest 1", "rest 2")]
        behind[1].cancel()
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(holding, behind[0], behind[2], *ahead)
        assert order == ["rest 1", "rest 2", "head 1", "head 2"]

    with_worker(use)


def test_waiting_for_a_turn_is_counted() -> None:
    """The ledger's queue seconds are those between asking and starting, in the agents' time."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        gate = Gate()
        first = worker.run(gate)
        await asyncio.to_thread(gate.entered.wait, WAIT_S)
        second = worker.run(lambda: "done")
        await asyncio.sleep(0)
        assert worker.waiting == 2
        clock.advance_s(3.0)
        gate.open()
        assert (await first).queue_s == 0.0
        turn = await second
        assert (turn.result, turn.queue_s) == ("done", 3.0)

    with_worker(use)


def test_a_failure_is_its_callers_alone() -> None:
    """What work raises reaches who asked for it, and the worker goes on."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock

        def fail() -> None:
            raise ValueError("this one")

        with pytest.raises(ValueError, match="this one"):
            await worker.run(fail)
        assert (await worker.run(lambda: 1)).result == 1
        assert worker.waiting == 0

    with_worker(use)


async def left(worker: DeviceWorker, waiting: int) -> None:
    """Wait until so many wait or run: those that have left are counted by the loop, a few turns later."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert worker.waiting == waiting


def test_a_caller_that_gives_up_makes_room() -> None:
    """Work that nobody waits for any more and that has not begun is not done."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock
        gate, done = Gate(), []
        first = worker.run(gate)
        await asyncio.to_thread(gate.entered.wait, WAIT_S)
        given_up = worker.run(lambda: done.append("given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        await left(worker, 1)
        gate.open()
        await first
        await worker.run(lambda: done.append("next"))
        assert done == ["next"]

    with_worker(use)


def test_it_tells_for_how_long_work_has_run() -> None:
    """In the agents' time; not of work that nobody knows the length of, such as a compiler's."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        for is_long, told_s in ((False, 40.0), (True, 0.0)):
            gate = Gate()
            clock.advance_s(7.0)
            running = worker.run(gate, is_long=is_long)
            await asyncio.to_thread(gate.entered.wait, WAIT_S)
            clock.advance_s(40.0)
            assert worker.running_s == told_s
            gate.open()
            await running
            assert worker.running_s == 0.0

    with_worker(use)


def test_nothing_follows_the_last_work() -> None:
    """What waits then is dropped, and what comes, so that nobody takes back what the last work gave away."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock
        gate, done = Gate(), list[str]()
        running = worker.run(gate)
        await asyncio.to_thread(gate.entered.wait, WAIT_S)
        dropped = [worker.run(lambda: done.append("waits"))]
        worker.finish(lambda: done.append("last"))
        dropped.append(worker.run(lambda: done.append("comes")))
        assert not worker.close(0.0), "work that runs cannot be dropped"
        gate.open()
        await running
        assert worker.close(WAIT_S)
        await asyncio.gather(*dropped, return_exceptions=True)
        assert all(each.cancelled() for each in dropped)
        await left(worker, 0)
        assert done == ["last"]

    with_worker(use)


def test_closing_waits_for_what_runs() -> None:
    """A device is not let go of while a part computes on it."""
    worker = DeviceWorker(ManualClock())
    done: list[str] = []

    async def run() -> None:
        await worker.run(lambda: done.append("ran"))

    asyncio.run(run())
    worker.close()
    assert done == ["ran"]


def test_a_host_without_a_thread_at_first_has_one_later() -> None:
    """Who asks in a bad moment is told; nothing of it is left, and who asks next is answered."""

    async def use(worker: DeviceWorker, clock: ManualClock) -> None:
        del clock
        ran: list[str] = []
        with no_thread_left(), pytest.raises(DeviceError, match="no thread for the device's work: can't start"):
            worker.run(partial(ran.append, "refused"))
        assert worker.waiting == 0
        await asyncio.wait_for(worker.run(partial(ran.append, "later")), WAIT_S)
        assert ran == ["later"]

    with_worker(use)
