"""Reading a device for somebody far away: its meter at a tick, and how far its host fell behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from joulecut_core.devices import Device
from joulecut_core.energy import EnergyReading, TickWatch
from joulecut_core.timing import Clock, is_set_within
from joulecut_runtime.devices.emulated import EmulatedDevice


class MeterReader:
    """Reads one device's meter for whoever asks: all who wait at the same time take one thread, and share its looks.

    A tick is given to those only who asked before the look before it: theirs is the first since they asked.
    """

    def __init__(self, device: Device, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._asking: list[tuple[float, Future[EnergyReading]]] = []
        self._is_reading = False

    async def read(self, not_before_s: float | None) -> EnergyReading:
        """The energy counter at its first change from `not_before_s` on (None: the next one); waits until then.

        Raises DeviceError where there is no meter, or it stands still, RuntimeError where the host has no thread left.
        """
        if not_before_s is not None:
            # Not in a thread: an agent that stops can end this wait, however long it was asked to be.
            await asyncio.sleep(max(0.0, self._clock.wall_s(not_before_s - self._clock.now_s())))
        reading: Future[EnergyReading] = Future()
        with self._lock:
            self._asked.set()
            if not self._is_reading:
                # May be refused: then nobody is left waiting for it, and who asks next starts another.
                threading.Thread(target=self._read, name="meter", daemon=True).start()
                self._is_reading = True
            self._asking.append((float("-inf") if not_before_s is None else not_before_s, reading))
        return await asyncio.wrap_future(reading)

    def _read(self) -> None:
        """Serve those who ask until nobody does."""
        while True:
            waiting = self._taken(self._arrived())
            if waiting:
                self._serve(waiting)
                continue
            with self._lock:
                if not self._asking:
                    self._is_reading = False
                    return

    def _serve(self, waiting: list[Future[EnergyReading]]) -> None:
        """Give them the next tick; to who asks meanwhile as well, or they are left for another."""
        try:
            reading = self._tick(waiting)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            failure = error
            _settle(waiting, lambda each: each.set_exception(failure))
            return
        if reading is not None:
            ticked = reading
            _settle(waiting, lambda each: each.set_result(ticked))

    def _tick(self, waiting: list[Future[EnergyReading]]) -> EnergyReading | None:
        """The next tick; None once nobody waits for it any more. Adds those to `waiting` who asked before a look."""
        watch, since_s = TickWatch(self._device), self._clock.now_s()
        while not all(each.cancelled() for each in waiting):
            until_s = self._clock.now_s() + watch.look_s
            # Who asks is looked for at once: a tick between this look and the next one is theirs.
            if not is_set_within(self._asked, self._clock.wall_s(watch.look_s)):
                self._clock.sleep_until_s(until_s)
            arrived = self._arrived()
            reading = watch.poll()
            if reading is not None:
                return reading
            if watch.stands_still(since_s, self._clock.now_s()):
                raise watch.broken()
            waiting += self._taken(arrived)
        return None

    def _arrived(self) -> int:
        """How many ask by now; the times that they named have come."""
        self._asked.clear()
        with self._lock:
            asking = tuple(self._asking)
        for not_before_s, _ in asking:
            self._clock.sleep_until_s(not_before_s)
        return len(asking)

    def _taken(self, count: int) -> list[Future[EnergyReading]]:
        with self._lock:
            taken, self._asking = self._asking[:count], self._asking[count:]
        return [reading for _, reading in taken]


def _settle(waiting: list[Future[EnergyReading]], tell: Callable[[Future[EnergyReading]], None]) -> None:
    for each in waiting:
        if each.set_running_or_notify_cancel():
            tell(each)


def overrun_s(device: Device) -> float:
    """Seconds by which this host was too slow for its emulated device, in all; 0 for a real one."""
    return device.overrun_s if isinstance(device, EmulatedDevice) else 0.0
