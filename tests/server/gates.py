"""Work that stands still until a test lets it go."""

from __future__ import annotations

import asyncio
import threading

WAIT_S = 20.0
"""How long a test waits for what must happen; only a defect ever takes it."""


class Gate:
    """Call `pass_through` from a thread: it stays there until `open`."""

    def __init__(self) -> None:
        self._entered = threading.Semaphore(0)
        self._open = threading.Event()
        self.passed = 0

    def pass_through(self) -> None:
        """Stand still until the gate is open; fails where nobody opens it."""
        self._entered.release()
        assert self._open.wait(WAIT_S)
        self.passed += 1

    async def entered(self) -> None:
        """Return once one more thread stands in the gate."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=WAIT_S)

    def open(self) -> None:
        """Let go of all."""
        self._open.set()
