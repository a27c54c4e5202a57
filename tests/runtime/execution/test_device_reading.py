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


def test_a_host_without_a_thread_for_one_reading_has_one_for_the_next() -> None:
    """Who asks in a bad moment is told at once, and nobody waits afterwards for a reading that never began."""
    reading = DeviceReading(opened(FakeHardware(clock=ManualClock())), answer_s=20.0)
    with no_thread_left(), pytest.raises(DeviceError, match="was not read: can't start new thread; try again"):
        reading.state()
    assert reading.state().energy_j is not None
