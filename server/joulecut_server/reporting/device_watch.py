"""Notices that the device is lost and when it is back; meanwhile requests are refused at once and edges go elsewhere.

    well ── a reading fails, or so many computations in a row, or one does not end ──▶ lost
      ▲                                                                                 │ looked at from time to time,
      └──────── nothing hangs, it can be read, and an empty run on it ends ─────────────┘ on a thread of its own

An agent never exits for it: a GPU comes back with a reset, a driver's restart or another cable.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable
from functools import partial

from joulecut_core.devices import Device, DeviceState
from joulecut_core.errors import DeviceError
from joulecut_core.timing import SystemClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.hardware.patience import BlockedError
from joulecut_runtime.execution.device_worker import DeviceWorker, Turn
from joulecut_runtime.execution.hung_work import LEAST_S, HungWork

_LOG = logging.getLogger(__name__)

EVERY_S = 5.0
"""Wall seconds between two looks. A look costs a reading, about a millisecond, beside what the device computes."""
_MOST_FAILURES = 3
"""Computations that fail in a row on a device that can be read: its context is broken."""
_ANSWER_S = 30.0
"""Wall seconds that a reading may take: a driver that is busy answers after a few."""
_NOTHING = Workload(blocks=())


class DeviceWatch:
    """Whether one device can compute. Used from the event loop only."""

    def __init__(
        self,
        device: Device,
        worker: DeviceWorker | None,
        *,
        longest_s: float = LEAST_S,
        every_s: float = EVERY_S,
        answer_s: float = _ANSWER_S,
    ) -> None:
        """`worker`: who runs its work, one piece for `longest_s` seconds of the worker's clock at most.

        None: work that hangs is not noticed.

        `every_s`, `answer_s`: wall seconds between two looks, and those that a reading of the device may take.
        """
        self._device = device
        self._hung = None if worker is None else HungWork(worker, longest_s=longest_s)
        self._every_s = every_s
        self._answer_s = answer_s
        # Callers take all threads of the loop now and then: what they ask for must not make the device look lost.
        # And one that hangs must not keep this process from ending.
        self._wall = SystemClock()
        self._looker = DeviceWorker(self._wall)
        self._blocked_s: float | None = None
        """Since when readings have been refused for a driver that blocks."""
        self._reading: asyncio.Future[Turn[DeviceState]] | None = None
        self._failures = 0
        self._latest: weakref.ref[DeviceError] | None = None
        self._look = asyncio.Event()
        self.changed: Callable[[], None] = _untold
        """Told when the device is lost, and when it is back."""
        self.complaint: str | None = None
        """Why the device counts as lost; None while it is well."""

    @property
    def well(self) -> bool:
        """Whether the device can compute, as far as is known."""
        return self.complaint is None

    def succeeded(self) -> None:
        """A computation has ended well."""
        self._failures = 0

    def failed(self, error: DeviceError) -> None:
        """A computation has failed for the device's sake, a batch with one error for all in it: it is looked at now."""
        if self._latest is None or self._latest() is not error:
            self._failures += 1
        # Its story holds the tensors that it is about.
        self._latest = weakref.ref(error)
        self._look.set()

    def doubt(self) -> None:
        """A computation has failed for a reason that may be the device: it is looked at now."""
        self._look.set()

    async def keep(self) -> None:
        """Look at the device from time to time, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            # `wait_for` of Python before 3.12 forgets a cancellation that meets its result: a stop would never end.
            timer = loop.call_later(self._every_s, self._look.set)
            try:
                await self._look.wait()
            finally:
                timer.cancel()
            await self.look()

    async def look(self) -> None:
        """Find out how the device is."""
        self._look.clear()
        complaint = (None if self._hung is None else self._hung.look()) or await self._complaint_in_time()
        if complaint is None and self.complaint is None and self._failures >= _MOST_FAILURES:
            complaint = f"{self._failures} computations in a row have failed on it"
        if complaint is None:
            if self.complaint is not None:
                _LOG.warning("%s is back", self._device.info.name)
                self._failures = 0
                self.complaint = None
                self.changed()
        elif self.complaint is None:
            _LOG.error("%s is lost, requests are refused until it is back: %s", self._device.info.name, complaint)
            self.complaint = complaint
            self.changed()

    async def reading(self) -> DeviceState:
        """The device's state; who asks while it is being read shares that. Raises DeviceError where it cannot be read.

        However many ask a device that hangs, they take no thread that others need.
        """
        if self._reading is None or self._reading.done():
            self._reading = self._looker.run(self._device.state)
        return (await asyncio.shield(self._reading)).result

    def close(self) -> None:
        """Look no more; a look that hangs is not waited for."""
        self._looker.close(0.0)

    async def _complaint_in_time(self) -> str | None:
        looking = partial(self._complaint_now, trial=self.complaint is not None)
        try:
            found = self._looker.run(looking)
        except DeviceError as error:
            # Of the host: the device is as it was.
            _LOG.warning("%s was not looked at: %s", self._device.info.name, error)
            return self.complaint
        await asyncio.wait({found}, timeout=self._answer_s)
        if found.done():
            return found.result().result
        found.cancel()
        return f"it did not answer within {self._answer_s:g} s"

    def _complaint_now(self, *, trial: bool) -> str | None:
        try:
            self._device.state()
            self._blocked_s = None
            if trial:
                with self._device.execution(_NOTHING):
                    pass
        except BlockedError as error:
            # As with a reading that lasts: the driver may be busy, and what the device computes goes on.
            now_s = self._wall.now_s()
            self._blocked_s = now_s if self._blocked_s is None else self._blocked_s
            return str(error) if trial or now_s - self._blocked_s >= self._answer_s else None
        except Exception as error:  # noqa: BLE001 - who fails in a way that nobody knows is not well either
            return str(error) if isinstance(error, (DeviceError, RuntimeError)) else repr(error)
        return None


def _untold() -> None:
    """Nobody is told."""
