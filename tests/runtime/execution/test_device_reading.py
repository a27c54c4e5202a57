"""A device's state for whoever asks now and then, though its driver hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from joulecut_core.devices import DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.device_reading import DeviceReading
from tests.core.test_energy import MeteredDevice
from tests.fakes.hardware import FakeHardware, opened
from tests.fakes.threads import no_thread_left
from tests.runtime.execution.test_device_worker import WAIT_S, Gate


class Stuck(MeteredDevice):
    """Answers nothing until its gate is opened."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(ManualClock(), power_w=1.0, period_s=None)
        self._gate = gate

    def state(self) -> DeviceState:
        """A reading, once the driver answers."""
        self._gate()
        return super().state()


def test_a_driver_that_hangs_takes_one_thread() -> None:
    """However often it is asked, each asker hears in time; once it answers, so do readings."""
    gate = Gate()
    reading = DeviceReading(Stuck(gate), answer_s=0.01)

    async def run() -> None:
        before = threading.active_count()
        for _ in range(8):
            with pytest.raises(DeviceError, match=r"was not read within 0.01 s; its driver may hang"):
                await reading.soon()
        assert threading.active_count() == before + 1
        gate.open()
        while True:
            try:
                assert (await reading.soon()).power_w == 1.0
                break
            except DeviceError:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_each_reading_is_of_its_moment() -> None:
    """One that is over is not told again; a failure is told as the device says it, to whoever asks then."""
    hardware = FakeHardware(clock=ManualClock())
    reading = DeviceReading(opened(hardware), answer_s=20.0)

    async def soon() -> DeviceState:
        return await reading.soon()

    for ask in (reading.state, lambda: asyncio.run(soon())):
        before = ask()
        hardware.set(hardware.table.points[-1] if before.point == hardware.table.points[0] else None)
        hardware.clock.advance_s(1.0)
        assert ask().point != before.point
        hardware.vanished = True
        with pytest.raises(DeviceError, match="has fallen off the bus"):
            ask()
        hardware.vanished = False
        assert ask().point != before.point


def test_whoever_waits_in_a_thread_hears_in_time_too() -> None:
    """The same words as an event loop is told."""
    gate = Gate()
    reading = DeviceReading(Stuck(gate), answer_s=0.01)
    with pytest.raises(DeviceError, match=r"was not read within 0.01 s; its driver may hang"):
        reading.state()
    gate.open()


def test_a_host_without_a_thread_for_one_reading_has_one_for_the_next() -> None:
    """Who asks in a bad moment is told at once, and nobody waits afterwards for a reading that never began."""
    reading = DeviceReading(opened(FakeHardware(clock=ManualClock())), answer_s=20.0)
    with no_thread_left(), pytest.raises(DeviceError, match="was not read: can't start new thread; try again"):
        reading.state()
    assert reading.state().energy_j is not None
