"""Leaving a device, whether or not its work ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.patience import BlockedError
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.leaving import HungDeviceError, give_back, let_go
from tests.core.test_energy import MeteredDevice
from tests.runtime.execution.test_device_worker import WAIT_S, Gate


class Bench(MeteredDevice):
    """Notes that it was closed."""

    def __init__(self) -> None:
        super().__init__(ManualClock(), power_w=1.0, period_s=None)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def left(
    restore: Callable[[], object], *, work: Gate | None = None, work_s: float = WAIT_S, restore_s: float = WAIT_S
) -> bool:
    """Leave a device on which `work` runs, or nothing; whether it was closed."""
    worker, device = DeviceWorker(ManualClock()), Bench()

    async def run() -> None:
        if work is not None:
            running = worker.run(work)
            running.add_done_callback(lambda _: None)
            assert await asyncio.to_thread(work.entered.wait, WAIT_S)
        await give_back(restore, worker, device, work_s=work_s, restore_s=restore_s)

    try:
        asyncio.run(run())
    finally:
        let_go(worker, device)
        if work is not None:
            work.open()
            worker.close(WAIT_S)
    return device.is_closed


def test_clocks_are_given_back_after_the_work_under_way() -> None:
    """Once; then the device is closed. What goes wrong with them is told."""
    given: list[str] = []
    assert left(lambda: given.append("back"))
    assert given == ["back"]

    def fail() -> None:
        raise DeviceError("no driver")

    with pytest.raises(DeviceError, match=r"^no driver$"):
        left(fail)


def test_work_that_does_not_end_is_left_to_the_process() -> None:
    """Its clocks are given back beside it, once, and the device under it is not closed."""
    given: list[str] = []
    with pytest.raises(HungDeviceError, match=r"bench hangs: work on it did .*; its clocks were given back"):
        left(lambda: given.append("back"), work=Gate(), work_s=0.0)
    assert given == ["back"]


def test_clocks_that_cannot_be_given_back_are_told_of() -> None:
    """A driver that hangs with the work is not waited for either."""
    stuck = Gate()
    with pytest.raises(HungDeviceError, match=r"nor could its clocks be given back within 0\.05 s; see to"):
        left(stuck, work=Gate(), work_s=0.0, restore_s=0.05)
    stuck.open()

    def fail() -> None:
        raise DeviceError("no driver")

    with pytest.raises(HungDeviceError, match="its clocks were not given back: no driver; see to them by hand"):
        left(fail, work=Gate(), work_s=0.0)


def test_who_sets_the_clocks_is_blamed_where_it_hangs() -> None:
    """Work that has ended is not said to go on where a clock daemon does not answer; one that answers late has."""
    stuck = Gate()
    with pytest.raises(
        HungDeviceError, match=r"^the clocks of bench could not be given back within 0\.1 s, though its"
    ):
        left(stuck, work_s=0.05, restore_s=0.05)
    stuck.open()
    late = Gate()

    def answers() -> None:
        threading.Timer(0.05, late.open).start()
        late()

    assert left(answers, work_s=0.01)


def test_a_device_that_cannot_be_closed_is_left_behind() -> None:
    """As where its driver hangs: whoever leaves is told, and goes on."""
    gate = Gate()

    class Stuck(Bench):
        """Closes once its gate is opened."""

        def close(self) -> None:
            gate()
            super().close()

    device = Stuck()
    with pytest.raises(BlockedError, match=r"letting go of .* has blocked for 0.01 s"):
        let_go(DeviceWorker(ManualClock()), device, close_s=0.01)
    assert not device.is_closed
    gate.open()
