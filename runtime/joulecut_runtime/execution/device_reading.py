"""A device's state for whoever asks now and then, and must be answered though the device's driver hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError  # noqa: A004 - before Python 3.11 not the built-in one
from functools import partial

from joulecut_core.devices import Device, DeviceState
from joulecut_core.errors import DeviceError

ANSWER_S = 5.0
"""Wall seconds that a reading may take: a driver that is busy answers after one or two."""


class DeviceReading:
    """Reads one device, on a thread that nobody waits for longer than `answer_s` wall seconds. Used from any thread.

    While a reading lasts nobody begins another: all who ask wait for the same one.
    """

    def __init__(self, device: Device, *, answer_s: float = ANSWER_S) -> None:
        self._device = device
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._asked: Future[DeviceState] | None = None

    def state(self) -> DeviceState:
        """The state now. Raises DeviceError where the device cannot be read, or not in time."""
        try:
            return self._under_way(_on_its_own_thread).result(self._answer_s)
        except TimeoutError as error:
            raise self._late() from error

    async def soon(self) -> DeviceState:
        """As `state`, for an event loop: however many wait for a device that hangs, it takes one of its threads."""
        loop = asyncio.get_running_loop()
        asked = asyncio.wrap_future(self._under_way(partial(loop.run_in_executor, None)))
        asked.add_done_callback(_noted)
        await asyncio.wait({asked}, timeout=self._answer_s)
        if not asked.done():
            raise self._late()
        return asked.result()

    def _under_way(self, begin: Callable[[Callable[[], None]], object]) -> Future[DeviceState]:
        with self._lock:
            asked = self._asked
            if asked is None or asked.done():
                asked = Future()
                try:
                    begin(partial(self._read, asked))
                except RuntimeError as error:
                    raise DeviceError(f"{self._device.info.name} was not read: {error}; try again") from error
                self._asked = asked
            return asked

    def _late(self) -> DeviceError:
        name = self._device.info.name
        return DeviceError(f"{name} was not read within {self._answer_s:g} s; its driver may hang")

    def _read(self, asked: Future[DeviceState]) -> None:
        try:
            asked.set_result(self._device.state())
        except BaseException as error:  # noqa: BLE001 - whoever asks is told
            asked.set_exception(error)


def _on_its_own_thread(read: Callable[[], None]) -> None:
    threading.Thread(target=read, name="device-reading", daemon=True).start()


def _noted(asked: asyncio.Future[DeviceState]) -> None:
    # An error that comes when nobody waits any more is none that was missed.
    if not asked.cancelled():
        asked.exception()
