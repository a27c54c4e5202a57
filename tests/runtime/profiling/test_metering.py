"""Reading a meter for somebody far away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from joulecut_core.energy import window_between
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock, SystemClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.profiling.metering import overrun_s, read_meter
from tests.core.test_energy import MeteredDevice
from tests.runtime.devices.device_files import quiet_file


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(name="device")
def _device(clock: ManualClock) -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=clock)
    yield device
    device.close()


def test_two_readings_make_a_window(device: EmulatedDevice, clock: ManualClock) -> None:
    """From tick to tick, a lease held: the joules are the draw times the time, here 6 W at 400 MHz."""

    async def run() -> None:
        with device.lease(device.clock_table.top):
            first = await read_meter(device, clock, None)
            last = await read_meter(device, clock, clock.now_s() + 2.0)
        window = window_between(first, last)
        assert window.duration_s > 1.9
        assert window.power_w == pytest.approx(6.0, rel=1e-3)

    asyncio.run(run())


def test_not_before(device: EmulatedDevice, clock: ManualClock) -> None:
    """The tick is the first from the given instant on; one that has passed is no wait."""
    period_s = device.info.meter_period_s
    assert period_s is not None

    async def run() -> None:
        later = await read_meter(device, clock, 5.0)
        assert 5.0 <= later.time_s <= 5.0 + 2 * period_s
        now_s = clock.now_s()
        at_once = await read_meter(device, clock, 1.0)
        assert now_s <= at_once.time_s <= now_s + 2 * period_s

    asyncio.run(run())


def test_a_long_wait_can_be_ended() -> None:
    """A reading asked for in an hour does not keep an agent from stopping: no thread sleeps for it."""
    clock = SystemClock()
    device = EmulatedDevice(quiet_file(), clock=clock)

    async def run() -> None:
        waiting = asyncio.create_task(read_meter(device, clock, clock.now_s() + 3600.0))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())  # would wait for a sleeping thread here
    device.close()


def test_a_device_without_a_meter(clock: ManualClock) -> None:
    """Energy that nobody measures is an error, not a zero."""
    device = MeteredDevice(clock, power_w=5.0, period_s=None)
    with pytest.raises(DeviceError, match="bench has no energy meter"):
        asyncio.run(read_meter(device, clock, None))


def test_overrun_is_an_emulators(device: EmulatedDevice, clock: ManualClock) -> None:
    """A real device is never late for itself."""
    assert overrun_s(device) == 0.0
    assert overrun_s(MeteredDevice(clock, power_w=5.0, period_s=0.1)) == 0.0
