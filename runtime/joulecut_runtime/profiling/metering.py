"""Reading a device for somebody far away: its meter at a tick, and how far its host fell behind."""

from __future__ import annotations

import asyncio

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, read_at_tick
from joulecut_core.timing import Clock
from joulecut_runtime.devices.emulated import EmulatedDevice


async def read_meter(device: Device, clock: Clock, not_before_s: float | None) -> EnergyReading:
    """The energy counter at its first change from `not_before_s` on (None: the next one); waits until then.

    Raises DeviceError where there is no meter, or it stands still.
    """
    if not_before_s is not None:
        # Not in a thread: an agent that stops can end this wait, however long it was asked to be.
        await asyncio.sleep(max(0.0, clock.wall_s(not_before_s - clock.now_s())))
    return await asyncio.to_thread(_read, device, clock, not_before_s)


def _read(device: Device, clock: Clock, not_before_s: float | None) -> EnergyReading:
    if not_before_s is not None:
        clock.sleep_until_s(not_before_s)
    return read_at_tick(device, clock)


def overrun_s(device: Device) -> float:
    """Seconds by which this host was too slow for its emulated device, in all; 0 for a real one."""
    return device.overrun_s if isinstance(device, EmulatedDevice) else 0.0
