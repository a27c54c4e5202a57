"""Work that hangs is told from slow work, and from work of a process that was stopped meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from joulecut_core.timing import ManualClock
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.hung_work import HungWork, longest_work_s
from tests.integration.tiny_profiles import server_profile
from tests.runtime.execution.test_device_worker import WAIT_S, Gate


def test_two_looks_tell_it_from_a_stopped_process() -> None:
    """A process that was stopped finds old work at its return, which has ended by the next look."""

    async def test() -> None:
        clock, gate = ManualClock(), Gate()
        worker = DeviceWorker(clock)
        hung = HungWork(worker, longest_s=30.0)
        work = worker.run(gate)
        assert await asyncio.to_thread(gate.entered.wait, WAIT_S)
        clock.advance_s(30.0)
        assert [hung.look(), hung.look()] == [None, None]
        clock.advance_s(3600.0)
        assert hung.look() is None
        gate.open()
        await work
        assert hung.look() is None
        again = Gate()
        work = worker.run(again)
        assert await asyncio.to_thread(again.entered.wait, WAIT_S)
        clock.advance_s(31.0)
        assert hung.look() is None
        assert hung.look() == "one piece of work has run on it for 31 s; expected at most 30 s"
        again.open()
        await work
        worker.close()

    asyncio.run(test())


def test_slow_networks_get_longer() -> None:
    """Twenty times the slowest run of any profile here, half a minute at least."""
    profile = server_profile()
    slow = replace(profile, points=(replace(profile.points[0], samples_s=(0.5, 2.0)), *profile.points[1:]))
    assert longest_work_s(()) == longest_work_s((profile,)) == 30.0
    assert longest_work_s((profile, slow)) == 40.0
