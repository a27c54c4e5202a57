"""How an agent tells that it serves, and how it learns that it should stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from pathlib import Path

from joulecut_core.documents import write_bytes

_LOG = logging.getLogger(__name__)


def announce_ready(path: Path | None, address: str) -> None:
    """Write `{"address": ..., "pid": ...}` to `path`, so that whoever started the agent learns its port."""
    _LOG.info("serving on %s", address)
    if path is not None:
        write_bytes(path, json.dumps({"address": address, "pid": os.getpid()}).encode())


async def wait_for_stop() -> str:
    """Return the name of the first SIGINT or SIGTERM this process receives."""
    loop = asyncio.get_running_loop()
    received: asyncio.Future[str] = loop.create_future()

    def stop(name: str) -> None:
        if not received.done():
            received.set_result(name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number.name)
    try:
        return await received
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
