"""Threads for calls that block."""

from __future__ import annotations

import asyncio
import threading

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.call_threads import start_call_threads


def test_all_threads_are_there_from_the_start() -> None:
    """However many calls meet later, not one thread more: a soak can tell a leak from a pool that fills."""

    async def run() -> tuple[set[threading.Thread], set[threading.Thread], int]:
        before = _call_threads()
        count = start_call_threads()
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
        start_call_threads()

    monkeypatch.setattr(threading.Thread, "start", few)
    with pytest.raises(ConfigError, match=r"can't start new thread: .*; raise its limit"):
        asyncio.run(run())
    assert len(started) == 3
    for each in started:
        each.join(20.0)
        assert not each.is_alive()


def _call_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("call")}


def _meet(meeting: threading.Barrier | None) -> threading.Thread:
    if meeting is not None:
        meeting.wait(240.0)
    return threading.current_thread()
