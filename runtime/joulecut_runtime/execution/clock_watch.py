"""Looks after held clocks while requests come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from joulecut_runtime.execution.device_worker import DeviceWorker

_LOG = logging.getLogger(__name__)

EVERY_S = 5.0
"""A clock that was lost costs joules, not answers; a look takes a request's place for about a millisecond."""


async def watch_clocks(verify: Callable[[], None], worker: DeviceWorker, *, every_s: float = EVERY_S) -> None:
    """Call `verify` every `every_s` wall seconds between two pieces of the device's work, until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await worker.run(verify)
        except Exception:  # noqa: BLE001 - the next look may find the clocks again
            _LOG.exception("the clocks were not looked at")
