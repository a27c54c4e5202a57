"""A lost device is noticed, told once, and found again; a failed computation alone is not a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_server.reporting.device_watch import DeviceWatch
from tests.fakes.hardware import FakeHardware, opened


class Seen:
    """What a watch has told."""

    def __init__(self, watch: DeviceWatch) -> None:
        self.states: list[bool] = []
        self._watch = watch
        watch.changed = self._note

    async def _note(self) -> None:
        self.states.append(self._watch.well)


Use = Callable[[DeviceWatch, FakeHardware, Seen], Awaitable[None]]


def watching(use: Use, *, every_s: float = 60.0) -> None:
    async def run() -> None:
        hardware = FakeHardware(clock=ManualClock())
        device: HardwareDevice = opened(hardware)
        watch = DeviceWatch(device, every_s=every_s)
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


def test_a_failed_computation_has_it_looked_at() -> None:
    """At once, not at the next look of its own."""

    async def use(watch: DeviceWatch, hardware: FakeHardware, seen: Seen) -> None:
        keeping = asyncio.create_task(watch.keep())
        hardware.vanished = True
        watch.failed()
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
            watch.failed()
            await watch.look()
        watch.succeeded()
        for _ in range(2):
            watch.failed()
            await watch.look()
        assert watch.well
        watch.failed()
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
