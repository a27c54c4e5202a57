"""Notices that the device is lost and when it is back; meanwhile requests are refused at once and edges go elsewhere.

    well ── a reading fails, or so many computations in a row ──▶ lost
      ▲                                                             │ looked at from time to time, off its own thread
      └────────── it can be read, and an empty run on it ends ──────┘

An agent never exits for it: a GPU comes back with a reset, a driver's restart or another cable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.workloads import Workload

_LOG = logging.getLogger(__name__)

EVERY_S = 5.0
"""Wall seconds between two looks. A look costs a reading, about a millisecond, beside what the device computes."""
_MOST_FAILURES = 3
"""Computations that fail in a row on a device that can be read: its context is broken."""
_NOTHING = Workload(blocks=())


class DeviceWatch:
    """Whether one device can compute. Used from the event loop only."""

    def __init__(self, device: Device, *, every_s: float = EVERY_S) -> None:
        self._device = device
        self._every_s = every_s
        self._failures = 0
        self._look = asyncio.Event()
        self.changed: Callable[[], Awaitable[None]] = _untold
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

    def failed(self) -> None:
        """A computation has failed for the device's sake: it is looked at now."""
        self._failures += 1
        self._look.set()

    def doubt(self) -> None:
        """A computation has failed for a reason that may be the device: it is looked at now."""
        self._look.set()

    async def keep(self) -> None:
        """Look at the device from time to time, until cancelled."""
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._look.wait(), self._every_s)
            await self.look()

    async def look(self) -> None:
        """Find out how the device is."""
        self._look.clear()
        complaint = await asyncio.to_thread(self._complaint_now, trial=self.complaint is not None)
        if complaint is None and self.complaint is None and self._failures >= _MOST_FAILURES:
            complaint = f"{self._failures} computations in a row have failed on it"
        if complaint is None:
            if self.complaint is not None:
                _LOG.warning("%s is back", self._device.info.name)
                self._failures = 0
                self.complaint = None
                await self.changed()
        elif self.complaint is None:
            _LOG.error("%s is lost, requests are refused until it is back: %s", self._device.info.name, complaint)
            self.complaint = complaint
            await self.changed()

    def _complaint_now(self, *, trial: bool) -> str | None:
        try:
            self._device.state()
            if trial:
                with self._device.execution(_NOTHING):
                    pass
        except (DeviceError, RuntimeError) as error:
            return str(error)
        return None


async def _untold() -> None:
    """Nobody is told."""
