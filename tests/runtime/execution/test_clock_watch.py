"""Looking after clocks between two pieces of a device's work."""

from __future__ import annotations

import asyncio
import threading

import pytest

from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.clock_watch import watch_clocks
from joulecut_runtime.execution.device_worker import DeviceWorker


def test_clocks_are_looked_at_again_and_again_by_the_device_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Never beside a request: clocks change between two of them only. Cancelling ends it, a defect does not."""
    seen: list[str] = []

    async def watch() -> None:
        worker, enough = DeviceWorker(ManualClock()), asyncio.Event()
        loop = asyncio.get_running_loop()

        def verify() -> None:
            seen.append(threading.current_thread().name)
            if len(seen) == 1:
                raise OSError("a file that nobody expected to be gone")
            if len(seen) == 3:
                loop.call_soon_threadsafe(enough.set)

        task = asyncio.create_task(watch_clocks(verify, worker, every_s=0.0))
        await enough.wait()
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)
        worker.close()

    asyncio.run(watch())
    assert len(seen) >= 3
    assert caplog.text.count("OSError: a file that nobody expected to be gone") == 1
    assert all(name.startswith("device") for name in seen)
