"""Threads for calls that block."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.exits import ExitCode
from joulecut_proto.call_threads import call_threads


def test_all_threads_are_there_from_the_start() -> None:
    """However many calls meet later, not one thread more: a soak can tell a leak from a pool that fills."""

    async def run() -> tuple[set[threading.Thread], set[threading.Thread], int]:
        before = _call_threads()
        async with call_threads() as count:
            started = _call_threads() - before
            meeting = threading.Barrier(count)
            used = set(await asyncio.gather(*(asyncio.to_thread(_meet, meeting) for _ in range(count))))
            await asyncio.gather(*(asyncio.to_thread(_meet, None) for _ in range(3 * count)))
            assert _call_threads() - before == started
            return started, used, count

    started, used, count = asyncio.run(run())
    assert started == used
    assert len(started) == count
    assert not started & _call_threads()


def test_where_the_system_allows_fewer_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent in a container of few processes ends with what to do, and not a minute later."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def few(thread: threading.Thread) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    async def run() -> None:
        async with call_threads():
            pass

    monkeypatch.setattr(threading.Thread, "start", few)
    with pytest.raises(ConfigError, match=r"can't start new thread: .*; raise its limit"):
        asyncio.run(run())
    assert len(started) == 3
    for each in started:
        each.join(20.0)
        assert not each.is_alive()


@pytest.mark.parametrize(
    ("ends_with", "told"),
    [
        ("pass", "error: a call to a driver or a disk has not returned within 0.01 s"),
        ("raise DeviceError('the GPU is gone')", "error: the GPU is gone"),
        ("raise RuntimeError('a defect')", "RuntimeError: a defect"),
    ],
)
def test_a_call_that_hangs_keeps_no_program_from_ending(ends_with: str, told: str) -> None:
    """As one to a driver: the process ends, with the status of a device's error, and its own error is not lost."""
    program = f"""
import asyncio, threading
from joulecut_core.errors import DeviceError
from joulecut_proto.call_threads import call_threads

async def run():
    entered = threading.Event()
    async with call_threads(ends_s=0.01):
        call = asyncio.create_task(asyncio.to_thread(lambda: (entered.set(), threading.Event().wait())))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        call.cancel()
        {ends_with}

asyncio.run(run())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == ExitCode.DEVICE
    assert told in ended.stderr


def _call_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("call")}


def _meet(meeting: threading.Barrier | None) -> threading.Thread:
    if meeting is not None:
        meeting.wait(240.0)
    return threading.current_thread()
