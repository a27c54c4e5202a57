"""A lost device is noticed, told once, and found again; a failed computation alone is not a loss."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.patience import BlockedError
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_server.reporting.device_watch import DeviceWatch
from tests.fakes.hardware import FakeHardware, opened
from tests.fakes.threads import no_thread_left
from tests.runtime.execution.test_device_worker import WAIT_S, Gate


class Seen:
    """What a watch has told."""

    def __init__(self, watch: DeviceWatch) -> None:
        self.states: list[bool] = []
        self._watch = watch
        watch.changed = self._note

    def _note(self) -> None:
        self.states.append(self._watch.well)


class StuckHardware(FakeHardware):
    """Answers nothing until its gate is opened."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        super().__init__(clock=ManualClock())

    def advance(self) -> None:
        """Count joules, once the driver answers."""
        self._gate()
        super().advance()


Use = Callable[[DeviceWatch, FakeHardware, Seen], Awaitable[None]]


def watching(use: Use, *, every_s: float = 60.0) -> None:
    async def run() -> None:
        hardware = FakeHardware(clock=ManualClock())
        device: HardwareDevice = opened(hardware)
        watch = DeviceWatch(device, None, every_s=every_s)
        await asyncio.wait_for(use(watch, hardware, Seen(watch)), 20.0)

    asyncio.run(run())


def test_a_loss_and_a_return_are_told_once() -> None:
    """However often it is looked at."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        await watch.look()
        hardware.vanished = True
        for _ in range(3):
            await watch.look()
        assert not watch.well
        assert watch.complaint is not None
        hardware.vanished = False
        for _ in range(3):
            await watch.look()
        assert watch.well
        assert seen.states == [False, True]

    watching(use)


def test_a_reading_that_fails_in_an_unknown_way_is_a_loss_too() -> None:
    """Of a driver's library that breaks off, say: the watch goes on, and finds the device again."""

    class Unreadable(FakeHardware):
        """Its driver answers what is no number."""

        is_odd = True

        def advance(self) -> None:
            """Count joules, where the driver tells."""
            if self.is_odd:
                raise ValueError("could not convert string to float: 'N/A'")
            super().advance()

    async def use() -> None:
        hardware = Unreadable(clock=ManualClock())
        watch = DeviceWatch(opened(hardware), None, every_s=0.001)
        seen, told = Seen(watch), asyncio.Event()
        watch.changed, note = told.set, watch.changed
        keeping = asyncio.create_task(watch.keep())
        for _ in range(2):
            await asyncio.wait({keeping, asyncio.create_task(told.wait())}, return_when=asyncio.FIRST_COMPLETED)
            note()
            told.clear()
            hardware.is_odd = False
        assert seen.states == [False, True]
        keeping.cancel()

    asyncio.run(asyncio.wait_for(use(), WAIT_S))


def test_a_failed_computation_has_it_looked_at() -> None:
    """At once, not at the next look of its own."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        keeping = asyncio.create_task(watch.keep())
        hardware.vanished = True
        watch.failed(DeviceError())
        while not seen.states:
            await asyncio.sleep(0)
        assert seen.states == [False]
        keeping.cancel()

    watching(use)


def test_it_is_looked_at_without_any_request() -> None:
    """Edges learn of the loss before they send anything."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        keeping = asyncio.create_task(watch.keep())
        hardware.vanished = True
        while seen.states != [False]:
            await asyncio.sleep(0.001)
        hardware.vanished = False
        while seen.states != [False, True]:
            await asyncio.sleep(0.001)
        keeping.cancel()

    watching(use, every_s=0.001)


def test_failures_in_a_row_are_a_loss() -> None:
    """A device that can be read and fails each time has a broken context; with a success in between it works."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        del hardware
        for _ in range(2):
            watch.failed(DeviceError())
            await watch.look()
        watch.succeeded()
        for _ in range(2):
            watch.failed(DeviceError())
            await watch.look()
        assert watch.well
        watch.failed(DeviceError())
        await watch.look()
        assert watch.complaint == "3 computations in a row have failed on it"
        # An empty run on it ends: it gets another chance.
        await watch.look()
        assert seen.states == [False, True]

    watching(use)


def test_doubts_are_not_counted() -> None:
    """What an edge can bring about, such as a computation too large for the memory, must not stop the others'."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        del hardware
        for _ in range(5):
            watch.doubt()
            await watch.look()
        assert watch.well
        assert seen.states == []

    watching(use)


def test_work_that_does_not_end_is_a_loss_and_forgiven() -> None:
    """Judged by the agent's own clock, and before a driver is asked that may hang as well; back once it has ended."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        clock, gate = ManualClock(), Gate()
        worker = DeviceWorker(clock)
        watch = DeviceWatch(opened(hardware), worker, longest_s=30.0)
        seen = Seen(watch)
        hung = worker.run(gate)
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        clock.advance_s(30.0)
        await watch.look()
        assert watch.well
        clock.advance_s(1.0)
        for _ in range(3):
            await watch.look()
        assert watch.complaint == "one piece of work has run on it for 31 s; expected at most 30 s"
        gate.open()
        await hung
        await watch.look()
        assert seen.states == [False, True]
        worker.close()

    watching(use)


def test_a_batch_that_fails_is_one_failure() -> None:
    """However many requests are in it: a single one would be three in a row, and refuse everybody for a while."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        del hardware
        for _ in range(2):
            batch = DeviceError()
            for _ in range(8):
                watch.failed(batch)
            await watch.look()
        assert watch.well
        watch.failed(DeviceError())
        await watch.look()
        assert watch.complaint == "3 computations in a row have failed on it"
        assert seen.states == [False]

    watching(use)


def test_a_driver_that_does_not_answer_is_a_loss() -> None:
    """A look that hangs must not keep the others from being made; the device is back once the driver answers."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        del hardware
        gate = Gate()
        watch = DeviceWatch(opened(StuckHardware(gate)), None, answer_s=0.01)
        seen = Seen(watch)
        for _ in range(2):
            await watch.look()
        assert watch.complaint == "it did not answer within 0.01 s"
        gate.open()
        while not watch.well:
            await watch.look()
        assert seen.states == [False, True]
        watch.close()

    watching(use)


def test_a_driver_that_refuses_to_be_waited_for_is_a_loss_only_once_that_lasts() -> None:
    """A busy driver that blocks for some seconds sends no edge away: what the device computes goes on meanwhile."""

    class Blocked(FakeHardware):
        def advance(self) -> None:
            if self.unreadable:
                raise BlockedError("asking NVML for its state still blocks")
            super().advance()

    async def use() -> None:
        hardware = Blocked(clock=ManualClock())
        watch = DeviceWatch(opened(hardware), None, answer_s=20.0)
        for _ in range(2):
            hardware.unreadable = True
            await watch.look()
            await watch.look()
            assert watch.well
            assert watch._blocked_s is not None
            watch._blocked_s -= 20.0
            await watch.look()
            assert watch.complaint == "asking NVML for its state still blocks"
            hardware.unreadable = False
            await watch.look()
            assert watch.well

    asyncio.run(asyncio.wait_for(use(), 20.0))


def test_callers_cannot_keep_it_from_looking() -> None:
    """The threads of the loop may all be taken: its own is not, nor for whoever reads the device with it."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        taken = Gate()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
        holding = asyncio.create_task(asyncio.to_thread(taken))
        await asyncio.sleep(0)
        assert (await watch.reading()).time_s >= 0.0
        hardware.vanished = True
        await watch.look()
        assert seen.states == [False]
        taken.open()
        await holding

    watching(use)


def test_however_many_read_a_device_that_hangs_they_take_one_thread() -> None:
    """All share one reading, the loop's own threads are free, and none is left that keeps the process from ending."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        del hardware, seen
        others, gate = set(threading.enumerate()), Gate()
        watch = DeviceWatch(opened(StuckHardware(gate)), None)
        readings = [asyncio.create_task(watch.reading()) for _ in range(100)]
        while not gate.entered.is_set():
            await asyncio.sleep(0.001)
        for each in readings[1:]:
            each.cancel()
        [thread] = set(threading.enumerate()) - others
        assert thread.daemon
        gate.open()
        assert (await readings[0]).time_s >= 0.0
        assert (await watch.reading()).time_s >= 0.0
        watch.close()

    watching(use)


def test_a_host_without_a_thread_to_look_with_has_lost_no_device() -> None:
    """The device is as it was, and is looked at again."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        with no_thread_left():
            await watch.look()
        assert watch.well
        hardware.vanished = True
        await watch.look()
        assert seen.states == [False]

    watching(use)
